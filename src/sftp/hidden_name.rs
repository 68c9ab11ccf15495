//! Names of hidden files beside others: parts, and files that wait while another takes their place.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::hex::digits;

/// Most characters that a hidden name adds to the name beside it.
const AROUND: usize = 15;
/// Longest name, in characters, that is taken over whole: every file system takes one longer by what is
/// added.
const SHORT: usize = 30;

/// Names the part file of a file `name` copied from `source`. The same transfer and its retries find it
/// again; no other uses it.
pub(crate) fn part_name(token: &str, name: &[u8], source: &[u8]) -> Vec<u8> {
    beside(name, &[token.as_bytes(), source], b".part")
}

/// Names the hidden file that a file `name` is while another takes its place.
pub(crate) fn aside_name(name: &[u8]) -> Vec<u8> {
    beside(name, &[name], b".old")
}

/// Returns whether a path looks like that of such a file.
pub(crate) fn is_beside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") && (name.ends_with(b".part") || name.ends_with(b".old"))
}

fn beside(name: &[u8], told_by: &[&[u8]], ending: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in told_by {
        digest.update(part);
        digest.update([0]);
    }
    let mark = digits(&digest.finalize()[..4]);
    [b".", shortened(name), b".", mark.as_bytes(), ending].concat()
}

/// Shortens a name to leave room for what is added, cut between characters: file systems count bytes or
/// characters, and a name beside a long one may have no more of either.
fn shortened(name: &[u8]) -> &[u8] {
    let begins = |byte: &u8| byte & 0xC0 != 0x80;
    if name.iter().filter(|byte| begins(byte)).count() <= SHORT {
        return name;
    }
    let mut starts = (0..name.len()).rev().filter(|at| begins(&name[*at]));
    let end = starts.nth(AROUND - 1).unwrap_or_default();
    &name[..end]
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
        assert_ne!(aside_name(b"app.tar"), name);
    }

    #[test]
    fn names_beside_a_long_one_are_no_longer_and_cut_between_characters() {
        for unit in ["x", "é", "語", "😀"] {
            for count in [31, 36, 63, 85, 143, 144, 255] {
                let name = unit.repeat(count);
                for beside in [
                    part_name("t", name.as_bytes(), b"s"),
                    aside_name(name.as_bytes()),
                ] {
                    let beside = String::from_utf8(beside).expect("whole characters");
                    assert!(beside.len() <= name.len(), "{beside}");
                    assert!(beside.chars().count() <= count, "{beside}");
                    assert!(beside.encode_utf16().count() <= name.encode_utf16().count());
                }
            }
        }
        // Bytes of no known encoding are cut anywhere.
        let (one, other) = ([0xFF; 255], [0xA0; 255]);
        assert!(part_name("t", &one, b"s").len() <= 255);
        assert_ne!(part_name("t", &other, b"s"), part_name("t", &other, b"r"));
    }
}
