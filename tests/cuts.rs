//! A large file whose connection is cut in its middle: the user does nothing, and only a whole file is ever seen.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::helper::{Client, SmallDisk, Sshd, directory, noise, part_bytes, text};

const MIB: usize = 1024 * 1024;
const SIZE: u64 = 600 * MIB as u64;
const OLD: &[u8] = b"old";

/// Makes the file, of which no two pages are alike, and gives its checksum.
fn make(path: &Path) -> Vec<u8> {
    let (mut block, mut sum) = (noise(MIB), Sha256::new());
    let mut file = File::create(path).unwrap();
    for number in 0..SIZE / MIB as u64 {
        for page in block.chunks_mut(4096) {
            page[..8].copy_from_slice(&number.to_le_bytes());
        }
        sum.update(&block);
        file.write_all(&block).unwrap();
    }
    sum.finalize().to_vec()
}

fn sum_of(file: &mut File) -> Vec<u8> {
    let (mut block, mut sum) = (vec![0; MIB], Sha256::new());
    loop {
        match file.read(&mut block).unwrap() {
            0 => return sum.finalize().to_vec(),
            read => sum.update(&block[..read]),
        }
    }
}

/// The file under the name, which is never missing, unless it is the old one.
fn new_file(target: &Path) -> Option<File> {
    let mut file = File::open(target).unwrap();
    if file.metadata().unwrap().len() > OLD.len() as u64 {
        return Some(file);
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    assert_eq!(content, OLD);
    None
}

#[tokio::test]
async fn a_cut_in_the_middle_of_600_mebibytes_leaves_the_old_file_or_the_whole_new_one() {
    let (sshd, data) = (Sshd::start(), directory());
    // In memory: a disk would have every other test wait for so much.
    let disk = SmallDisk::of_mebibytes(1300);
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let source = disk.path().join("source");
    let sum = make(&source);
    for direction in ["upload", "download"] {
        let there = disk.path().join(direction);
        std::fs::create_dir(&there).unwrap();
        let target = there.join("target");
        std::fs::write(&target, OLD).unwrap();
        let (here, remote) = match direction {
            "upload" => (&source, &target),
            _ => (&target, &source),
        };
        let arguments = json!({
            "alias": "web1", "direction": direction, "local": text(here), "remote": text(remote),
            "background": true,
        });
        let handed = client.call("task_transfer", arguments).await.ok();
        let waiting = client.wait(&handed.facts()["id"]);
        tokio::pin!(waiting);
        let (mut is_cut, mut found) = (false, None);
        let ended = loop {
            tokio::select! {
                ended = &mut waiting => break ended.ok(),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
            // The first that is there and is not the old file is looked at below.
            found = found.or_else(|| new_file(&target));
            if !is_cut && part_bytes(&there) >= SIZE / 2 {
                sshd.cut();
                is_cut = true;
            }
        };
        assert!(is_cut, "it was cut in its middle");
        let facts = ended.facts();
        assert_eq!(facts["status"], "completed", "{facts}");
        assert!(facts["resumedBytes"].as_u64() > Some(SIZE / 4), "{facts}");
        let mut found = found.or_else(|| new_file(&target)).unwrap();
        assert_eq!(sum_of(&mut found), sum, "{direction}");
        let (now, then) = (target.metadata().unwrap(), found.metadata().unwrap());
        assert_eq!((now.ino(), now.mtime()), (then.ino(), then.mtime()));
        let entries = std::fs::read_dir(&there).unwrap();
        assert_eq!(entries.count(), 1, "no litter");
        std::fs::remove_dir_all(there).unwrap();
    }
}
