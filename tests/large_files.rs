//! Files of a gibibyte (of less, unless `SLOW_TESTS` is set, where their content has to be there).

use std::fs;
use std::io::{BufWriter, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::helper::{
    Fault, FileServers, Fixture, directory, eventually, if_slow, noise, part_bytes, text,
};

const GIB: u64 = 1 << 30;
const MIB: usize = 1 << 20;

/// A file of a gibibyte without a content.
fn hollow(path: &Path) {
    fs::File::create(path).unwrap().set_len(GIB).unwrap();
}

#[tokio::test]
async fn the_middle_of_a_gibibyte_of_lines_is_read() {
    let servers = FileServers::of(&["shell", "sftp"]).await;
    let lines = if_slow(10 << 20, 1 << 20);
    let path = servers.write("large", "");
    let mut file = BufWriter::new(fs::File::create(&path).unwrap());
    for number in 1..=lines {
        writeln!(
            file,
            "{number:099} {}",
            if number % 1000 == 0 { "x" } else { "" }
        )
        .unwrap();
    }
    file.flush().unwrap();
    let middle = lines / 2;
    for alias in ["shell", "sftp"] {
        let part = json!({"from": middle, "lines": 2});
        let answer = servers.call("file_read", alias, &path, part).await.ok();
        for number in [middle, middle + 1] {
            let line = format!("\n{number:099} ");
            assert!(answer.text().contains(&line), "{alias}: {}", answer.text());
        }
        let end = servers
            .call("file_read", alias, &path, json!({"tail": 1}))
            .await;
        let line = format!("\n{lines:099} ");
        assert!(end.text().contains(&line), "{alias}: {}", end.text());
    }
}

#[tokio::test]
async fn a_gibibyte_is_not_edited_and_stays_as_it_is() {
    let (fixture, folder) = (Fixture::start().await, directory());
    let path = folder.path().join("large");
    hollow(&path);
    let inode = path.metadata().unwrap().ino();
    let edit = json!({"alias": "web1", "path": path, "edits": [{"old": "a", "new": "b"}]});
    let write = json!({"alias": "web1", "path": path, "content": "short"});
    for (tool, arguments) in [("file_edit", edit), ("file_write", write)] {
        let refused = fixture.client.call(tool, arguments).await;
        let refused = refused.error("FILE_TOO_LARGE");
        assert!(refused["details"]["hint"].is_string(), "{refused}");
        let is = path.metadata().unwrap();
        assert_eq!((is.len(), is.ino()), (GIB, inode), "{tool}");
    }
}

#[tokio::test]
async fn a_gibibyte_with_holes_goes_up_and_down_whole() {
    let (fixture, folder) = (Fixture::start().await, directory());
    let (source, target) = (fixture.here("large"), folder.path().join("target"));
    hollow(&source);
    let file = fs::File::options().write(true).open(&source).unwrap();
    let content = noise(3 * MIB);
    let places = [0, GIB / 2 + 4321, GIB - content.len() as u64];
    for place in places {
        file.write_all_at(&content, place).unwrap();
    }
    let back = fixture.here("back");
    for (direction, here, to) in [("upload", &source, &target), ("download", &back, &back)] {
        let arguments = json!({
            "alias": "web1", "direction": direction, "local": here, "remote": target,
        });
        fixture
            .client
            .call("task_transfer", arguments)
            .await
            .ok()
            .has(&json!({"status": "completed", "bytes": GIB}));
        let copy = fs::File::open(to).unwrap();
        let is = copy.metadata().unwrap();
        assert_eq!(is.len(), GIB);
        assert!(
            is.blocks() * 512 < GIB / 8,
            "{direction}: its holes are filled"
        );
        let mut read = vec![0; content.len()];
        for place in places {
            copy.read_exact_at(&mut read, place).unwrap();
            assert!(read == content, "{direction}: at {place}");
        }
    }
}

#[tokio::test]
async fn a_large_upload_goes_on_in_a_retry_where_it_was() {
    let fixture = Fixture::embedded_with(|config| {
        config.reconnect_patience = Duration::from_millis(300);
        config.sync_timeout = Duration::ZERO;
    })
    .await;
    let size = if_slow(1024, 96) * MIB;
    let (source, home) = (fixture.here("large"), fixture.server.home.path());
    fs::write(&source, noise(size)).unwrap();
    let upload = fixture.arguments("upload", "large", "target");
    let begun = fixture.client.call("task_transfer", upload).await.ok();
    eventually("half of it is there", || part_bytes(home) > size as u64 / 2).await;
    fixture.server.set_fault(Fault::HangUp);
    fixture.server.cut();
    let id = json!({"id": begun.facts()["id"], "timeout": 50});
    let failed = fixture.client.call("task_wait", id.clone()).await;
    failed.error("TRANSFER_FAILED");
    fixture.server.set_fault(Fault::None);
    let retry = json!({"id": begun.facts()["id"]});
    let retried = fixture.client.call("task_retry", retry).await.ok();
    let id = json!({"id": retried.facts()["id"], "timeout": 50});
    let ended = fixture.client.call("task_wait", id).await.ok();
    ended.has(&json!({"status": "completed", "bytes": size}));
    let resumed = ended.facts()["resumedBytes"].as_u64();
    assert!(resumed > Some(size as u64 / 4), "{}", ended.text());
    assert!(fs::read(fixture.there("target")).unwrap() == fs::read(source).unwrap());
    assert_eq!(part_bytes(home), 0, "{}", text(home));
}
