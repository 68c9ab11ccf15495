//! Part files: a file under way, beside its target and hidden.

use sha2::{Digest, Sha256};

use crate::hex::digits;

/// The longest part of a target's name that is taken over: file systems end at 255 bytes.
const LONGEST_NAME: usize = 200;

/// What a transfer fills, and what is to become of it.
#[derive(Clone, Debug)]
pub(super) struct Part<P> {
    pub(super) path: P,
    /// The name that it gets once it is whole.
    pub(super) target: P,
    /// Whether a file is there already.
    pub(super) replaces: bool,
    pub(super) mode: Option<u32>,
    pub(super) modified: Option<u32>,
}

/// The name of the part of a file called `name` that comes from `source`. The same transfer, and each
/// retry of it, finds it again; no other uses it.
pub(super) fn part_name(token: &str, name: &[u8], source: &[u8]) -> Vec<u8> {
    let digest = Sha256::new()
        .chain_update(token)
        .chain_update([0])
        .chain_update(source)
        .finalize();
    let mark = digits(&digest[..4]);
    let name = &name[..name.len().min(LONGEST_NAME)];
    [b".", name, b".", mark.as_bytes(), b".part"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_transfer_keep_apart_and_are_found_again() {
        let name = part_name("a1b2c3d4", b"app.tar", b"/home/app.tar");
        assert_eq!(name, part_name("a1b2c3d4", b"app.tar", b"/home/app.tar"));
        assert!(name.starts_with(b".app.tar.") && name.ends_with(b".part"));
        assert_ne!(name, part_name("a1b2c3d5", b"app.tar", b"/home/app.tar"));
        assert_ne!(name, part_name("a1b2c3d4", b"app.tar", b"/work/app.tar"));
        assert!(part_name("a1b2c3d4", &[b'x'; 255], b"").len() < 255);
    }
}
