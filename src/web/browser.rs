//! The person's own browser, which opens the page.

use crate::store::{DataDirectory, TemporaryFile};

/// Directory of the file that leads the browser to the page, in the data directory.
const DIRECTORY: &str = "web";

/// Opens a link in the person's browser, where there is a desktop. Returns the file that leads there, which is removed
/// with it; `None` where the person has to open the link.
///
/// The link is in a file that only this user may read, and in no command line, which any user of this machine may.
pub(super) fn open(data: &DataDirectory, link: &str) -> Option<TemporaryFile> {
    if !has_desktop() {
        return None;
    }
    let files = data.temporary_files(DIRECTORY).with_suffix(".html");
    files.sweep();
    let file = files.create(leading_to(link).as_bytes(), None);
    let file = file.inspect_err(|error| tracing::warn!("no browser was opened: {error}"));
    let file = file.ok()?;
    match open::that_detached(file.path()) {
        Ok(()) => Some(file),
        Err(error) => {
            tracing::warn!("no browser was opened: {error}");
            None
        }
    }
}

/// A document that leads to an address, as a navigation of its own: a browser sends no cookie of `SameSite=Strict`
/// along a redirect that another document has begun.
pub(super) fn leading_to(address: &str) -> String {
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>mcp-sftp-orchestrator</title>\
         <meta http-equiv=\"refresh\" content=\"0; url={address}\">\n"
    )
}

/// Returns whether the person sits before a screen of this machine. Where another system locks what a process keeps
/// locked, its browser could not read the file.
fn has_desktop() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(unix)
        && !is_set("SSH_CONNECTION")
        && (cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"))
}
