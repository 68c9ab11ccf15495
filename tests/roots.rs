//! `MCP_ALLOWED_ROOTS` while names change what they are: what is opened is judged, not its name.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::helper::{Fixture, write};
use rustix::fs::{CWD, RenameFlags, renameat_with};

const OUTSIDE: &str = "content from outside\n";

/// Exchanges pairs of names as fast as it can, until it is dropped.
struct Flipping {
    ends: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Flipping {
    fn of(pairs: Vec<(PathBuf, PathBuf)>) -> Self {
        let (ends, rounds) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (end, round) = (Arc::clone(&ends), Arc::clone(&rounds));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                for (one, other) in &pairs {
                    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
                }
                round.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            ends,
            rounds,
            thread: Some(thread),
        }
    }
}

impl Drop for Flipping {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

/// Names of each kind that change places.
const PAIRS: usize = 5;
/// The times that each is tried.
const ROUNDS: usize = 100;

/// A root in which files and directories change places with links that lead out.
async fn fixture() -> Fixture {
    let fixture = Fixture::rooted().await;
    for name in ["outside/file", "outside/deep/file"] {
        write(fixture.here(name), OUTSIDE);
    }
    write(fixture.here("root/steady"), "inside\n");
    for number in 0..PAIRS {
        for name in ["", "/file", "/deep/file"] {
            let kind = if name.is_empty() { "file" } else { "folder" };
            write(
                fixture.here(&format!("root/{kind}{number}{name}")),
                "inside\n",
            );
        }
        for (link, target) in [("link", "outside/file"), ("away", "outside")] {
            let link = format!("root/{link}{number}");
            symlink(fixture.here(target), fixture.here(&link)).unwrap();
        }
    }
    fixture
}

fn flipping(fixture: &Fixture) -> Flipping {
    let pair = |number| {
        let at = |name: &str| fixture.here(&format!("root/{name}{number}"));
        [(at("file"), at("link")), (at("folder"), at("away"))]
    };
    Flipping::of((0..PAIRS).flat_map(pair).collect())
}

/// Copies all in one call, and gives how many files arrived.
async fn transfer(fixture: &Fixture, direction: &str, pairs: &[(&str, &str)]) -> u64 {
    let answer = fixture.transfer_all(direction, pairs).await;
    answer.facts()["filesDone"].as_u64().unwrap_or(0)
}

/// The files and directories outside, by name and content.
fn outside(fixture: &Fixture) -> Vec<(PathBuf, Option<String>)> {
    let mut found = below(&fixture.here("outside"));
    found.sort();
    found
}

fn below(folder: &Path) -> Vec<(PathBuf, Option<String>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            found.push((path, None));
        } else if path.is_dir() {
            found.extend(below(&path));
            found.push((path, None));
        } else {
            let content = std::fs::read_to_string(&path).unwrap();
            found.push((path, Some(content)));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn not_a_byte_from_outside_is_uploaded() {
    let fixture = fixture().await;
    let flipping = flipping(&fixture);
    // The root itself stays what it is, and its names change between being found and being read.
    let whole: Vec<_> = (0..ROUNDS).map(|round| format!("up/all{round}")).collect();
    let whole: Vec<_> = whole.iter().map(|to| ("root/", to.as_str())).collect();
    let arrived = transfer(&fixture, "upload", &whole).await;
    for number in 0..PAIRS {
        for (first, rest, target) in [
            ("file", "", "file"),
            ("folder", "", "tree"),
            ("folder", "/**/*", "some"),
        ] {
            let local = format!("root/{first}{number}{rest}");
            let remote = format!("up/{target}{number}");
            transfer(&fixture, "upload", &[(&local, &remote)]).await;
        }
    }
    assert!(flipping.rounds.load(Ordering::Relaxed) > 0);
    drop(flipping);
    // A file that does not change its place arrives whatever else happens.
    assert!(arrived >= ROUNDS as u64, "{arrived}");
    for (path, content) in below(&fixture.there("up")) {
        let is_inside = content.is_none_or(|content| content == "inside\n");
        assert!(is_inside, "{} was read outside", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_is_written_by_downloads() {
    let fixture = fixture().await;
    for round in 0..ROUNDS {
        let from = |name: &str| fixture.there(&format!("from/{round}/{name}{round}"));
        for number in 0..PAIRS {
            for name in ["new", "deep/new", "made/er/new"] {
                write(from(&format!("folder{number}/{name}")), "x");
            }
            symlink("x", from(&format!("folder{number}/linked"))).unwrap();
        }
        write(from("steady"), "x");
    }
    write(fixture.there("from/file"), "x".repeat(300_000));
    let before = outside(&fixture);
    let flipping = flipping(&fixture);
    let whole: Vec<_> = (0..ROUNDS).map(|round| format!("from/{round}")).collect();
    let whole: Vec<_> = whole.iter().map(|from| ("root/", from.as_str())).collect();
    let arrived = transfer(&fixture, "download", &whole).await;
    for number in 0..PAIRS {
        for (first, rest) in [
            ("file", ""),
            ("folder", ""),
            ("folder", "/"),
            ("folder", "/other/x/y"),
        ] {
            let local = format!("root/{first}{number}{rest}");
            transfer(&fixture, "download", &[(&local, "from/file")]).await;
        }
    }
    assert!(flipping.rounds.load(Ordering::Relaxed) > 0);
    drop(flipping);
    // A file that does not change its place arrives whatever else happens.
    assert!(arrived >= ROUNDS as u64, "{arrived}");
    assert_eq!(outside(&fixture), before);
}
