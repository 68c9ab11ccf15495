//! Masks secrets in a whole text, or in a stream of bytes.

use std::borrow::Cow;
use std::sync::Arc;

use super::held::MaskStyle;
use super::scan::{Finder, Scan};

/// Masks secrets in a stream of bytes.
#[derive(Debug)]
pub(crate) struct Redactor {
    style: MaskStyle,
    /// `None` while there is no secret.
    scan: Option<Scan>,
}

impl Redactor {
    pub(crate) fn new(style: MaskStyle) -> Self {
        Self { style, scan: None }
    }

    /// Takes the next part, and returns the bytes that are known not to begin a secret. `secrets` may differ
    /// from call to call.
    pub(crate) fn take<'a>(
        &mut self,
        secrets: Option<&Arc<Finder>>,
        part: &'a [u8],
    ) -> Cow<'a, [u8]> {
        let Some(secrets) = secrets else {
            if self.scan.is_none() {
                return part.into();
            }
            return [&self.rest(), part].concat().into();
        };
        let scan = self
            .scan
            .get_or_insert_with(|| Scan::new(Arc::clone(secrets), self.style));
        if !Arc::ptr_eq(secrets, scan.finder()) {
            scan.look_for(Arc::clone(secrets));
        }
        let mut redacted = Vec::with_capacity(part.len());
        scan.take(part, &mut redacted);
        redacted.into()
    }

    /// The number of bytes that are held back.
    pub(crate) fn held(&self) -> u64 {
        self.scan.as_ref().map_or(0, |scan| scan.held() as u64)
    }

    /// Returns the bytes that were held back, at the end of the stream.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        if let Some(mut scan) = self.scan.take() {
            scan.finish(&mut rest);
        }
        rest
    }
}

/// Replaces each secret in a text with [`MASK`](super::MASK).
pub(crate) fn redacted<'t>(secrets: &Arc<Finder>, text: &'t str) -> Cow<'t, str> {
    let mut scan = Scan::new(Arc::clone(secrets), MaskStyle::Word);
    let mut redacted = Vec::with_capacity(text.len());
    scan.take(text.as_bytes(), &mut redacted);
    scan.finish(&mut redacted);
    if scan.has_found() {
        String::from_utf8_lossy(&redacted).into_owned().into()
    } else {
        text.into()
    }
}
