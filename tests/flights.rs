//! Transfers in few round trips: a session that stays open ahead, and requests sent before earlier ones are
//! answered. Nothing is lost by it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::helper::{
    EmbeddedHost, Fault, Fixture, Folder, Sshd, directory, eventually, noise, program, text,
};

/// Runs that the fewest flights are taken of: a busy machine may part one flight in two.
const RUNS: usize = 5;

async fn transfer(fixture: &Fixture<EmbeddedHost>, direction: &str, name: &str) {
    let ended = fixture.transfer(direction, name, name).await.ok();
    assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The fewest flights of several transfers, of which each has a source and a target of its own.
async fn fewest_flights(fixture: &Fixture<EmbeddedHost>, direction: &str, is_there: bool) -> usize {
    let mut fewest = usize::MAX;
    for run in 0..RUNS {
        let name = format!("{direction}-{is_there}-{run}");
        let (here, there) = (fixture.here(&name), fixture.there(&name));
        let (source, target) = match direction {
            "upload" => (here, there),
            _ => (there, here),
        };
        let content = noise(1024);
        std::fs::write(&source, &content).unwrap();
        if is_there {
            std::fs::write(&target, "old").unwrap();
        }
        let before = fixture.server.flights();
        transfer(fixture, direction, &name).await;
        fewest = fewest.min(fixture.server.flights() - before);
        assert_eq!(std::fs::read(target).unwrap(), content);
    }
    fewest
}

#[tokio::test]
async fn a_small_file_takes_three_flights_up_one_more_to_replace_and_two_down() {
    let fixture = Fixture::embedded().await;
    fixture.server.set_fault(Fault::CountFlights);
    std::fs::write(fixture.here("first"), "").unwrap();
    transfer(&fixture, "upload", "first").await;
    for is_there in [false, true] {
        // An old content is read while the new is sent, so that it can be put back.
        let up = 3 + usize::from(is_there);
        assert_eq!(fewest_flights(&fixture, "upload", is_there).await, up);
        assert_eq!(fewest_flights(&fixture, "download", is_there).await, 2);
    }
}

#[tokio::test]
async fn a_kept_session_that_ended_costs_no_transfer() {
    let fixture = Fixture::embedded().await;
    std::fs::write(fixture.here("file"), "content").unwrap();
    transfer(&fixture, "upload", "file").await;
    fixture.server.end_sftp().await;
    transfer(&fixture, "upload", "file").await;
    transfer(&fixture, "download", "file").await;
    fixture.server.cut();
    transfer(&fixture, "download", "file").await;
    transfer(&fixture, "upload", "file").await;
    assert_eq!(std::fs::read(fixture.there("file")).unwrap(), b"content");
}

/// A client and an sshd whose SFTP servers write down their process IDs.
async fn recorded() -> (Folder, Fixture) {
    let programs = directory();
    let list = text(&programs.path().join("processes"));
    let script = format!("echo $$ >> {list}\nexec \"$@\"");
    program(programs.path(), "serve", &script);
    let sshd = Sshd::serving_files_by(&text(&programs.path().join("serve")));
    (programs, Fixture::with(sshd).await)
}

/// The IDs of SFTP servers, in the order of their start.
fn processes(programs: &Path) -> Vec<String> {
    let list = std::fs::read_to_string(programs.join("processes")).unwrap();
    list.lines().map(ToOwned::to_owned).collect()
}

/// Sends a signal to a process, and returns whether there is one.
fn signal(process: &str, signal: &str) -> bool {
    let mut kill = std::process::Command::new("kill");
    let sent = kill.args([signal, process]).stderr(Stdio::null()).status();
    sent.unwrap().success()
}

#[tokio::test]
async fn a_kept_session_that_is_killed_costs_no_transfer() {
    let (programs, fixture) = recorded().await;
    std::fs::write(fixture.here("file"), "content").unwrap();
    for direction in ["upload", "download", "upload"] {
        let ended = fixture.transfer(direction, "file", "file").await.ok();
        assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
        let last = processes(programs.path()).pop().unwrap();
        assert!(signal(&last, "-9"), "it is kept");
    }
}

#[tokio::test]
async fn a_kept_session_gives_way_to_commands() {
    for limit in [1, 2] {
        let fixture = Fixture::embedded().await;
        fixture.server.set_max_sessions(limit);
        for name in ["one", "two", "three"] {
            std::fs::write(fixture.here(name), "content").unwrap();
            transfer(&fixture, "upload", name).await;
            assert_eq!(fixture.exec("echo ok").await.facts()["output"], "ok");
            transfer(&fixture, "download", name).await;
        }
        assert_eq!(fixture.server.accepted(), 1, "with {limit} sessions");
    }
}

#[tokio::test]
async fn a_kept_session_does_not_keep_its_connection() {
    let fixture = Fixture::embedded_with(|config| {
        config.idle_timeout = Duration::from_millis(200);
        config.min_connections = 0;
    })
    .await;
    std::fs::write(fixture.here("file"), "content").unwrap();
    transfer(&fixture, "upload", "file").await;
    let stats = fixture.client.call("pool_stats", json!({})).await.ok();
    assert_eq!(stats.facts()["byServer"]["web1"]["inUse"], 0);
    eventually("the connection closes", || {
        fixture.server.connections() == 0
    })
    .await;
    transfer(&fixture, "download", "file").await;
}

#[tokio::test]
async fn no_part_stays_where_the_target_is_another_one() {
    let fixture = Fixture::embedded().await;
    std::fs::write(fixture.here("file"), "content").unwrap();
    std::fs::create_dir(fixture.there("folder")).unwrap();
    std::fs::create_dir(fixture.there("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere/real", fixture.there("link")).unwrap();
    std::fs::write(fixture.there("elsewhere/real"), "old").unwrap();
    for target in ["folder", "link"] {
        let ended = fixture.transfer("upload", "file", target).await.ok();
        assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
    }
    assert_eq!(names(&fixture.there("folder")), ["file"]);
    assert_eq!(names(&fixture.there("elsewhere")), ["real"]);
    let real = std::fs::read(fixture.there("elsewhere/real")).unwrap();
    assert_eq!(real, b"content");
    // A source that does not exist leaves nothing.
    fixture
        .transfer("upload", "none", "new")
        .await
        .failed_file();
    assert_eq!(
        names(fixture.server.home.path()),
        ["elsewhere", "folder", "link"]
    );
}

#[tokio::test]
async fn a_part_that_is_refused_in_its_flight_leads_to_writing_in_place() {
    let fixture = Fixture::embedded().await;
    fixture.server.set_fault(Fault::RefuseParts);
    std::fs::write(fixture.here("file"), "content").unwrap();
    std::fs::write(fixture.there("file"), "old").unwrap();
    let ended = fixture.transfer("upload", "file", "file").await.ok();
    assert!(
        ended.text().contains("written in place"),
        "{}",
        ended.text()
    );
    assert_eq!(std::fs::read(fixture.there("file")).unwrap(), b"content");
    assert_eq!(names(fixture.server.home.path()), ["file"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_synced_replaces_nothing() {
    let fixture = Fixture::embedded().await;
    fixture.server.set_fault(Fault::FailSync);
    std::fs::write(fixture.here("file"), "content").unwrap();
    std::fs::write(fixture.there("file"), "old").unwrap();
    for _ in 0..2 {
        fixture
            .transfer("upload", "file", "file")
            .await
            .failed_file();
        assert_eq!(std::fs::read(fixture.there("file")).unwrap(), b"old");
        assert_eq!(names(fixture.server.home.path()), ["file"]);
    }
}

#[tokio::test]
async fn the_server_does_not_wait_for_a_pipe_that_is_no_source() {
    let (programs, fixture) = recorded().await;
    let pipe = fixture.there("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let reason = fixture
        .transfer("download", "pipe", "pipe")
        .await
        .failed_file();
    assert!(reason.contains("a named pipe (FIFO)"), "{reason}");
    eventually("every SFTP server ends", || {
        processes(programs.path())
            .iter()
            .all(|process| !signal(process, "-0"))
    })
    .await;
}
