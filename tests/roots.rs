//! `MCP_ALLOWED_ROOTS` while names change what they are: what is opened is judged, not its name.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use crate::helper::{Client, Folder, Sshd, directory, text};

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
/// How often each is tried.
const ROUNDS: usize = 100;

/// A root in which files and directories change places with links that lead out.
struct Scene {
    client: Client,
    sshd: Sshd,
    inside: PathBuf,
    outside: PathBuf,
    _folders: [Folder; 2],
}

impl Scene {
    async fn set() -> Self {
        let (sshd, data, local) = (Sshd::start(), directory(), directory());
        let (inside, outside) = (local.path().join("in"), local.path().join("out"));
        std::fs::create_dir_all(outside.join("deep")).unwrap();
        for name in ["file", "deep/file"] {
            std::fs::write(outside.join(name), OUTSIDE).unwrap();
        }
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::write(inside.join("steady"), "inside\n").unwrap();
        for number in 0..PAIRS {
            let at = |name: &str| inside.join(format!("{name}{number}"));
            std::fs::create_dir_all(at("folder").join("deep")).unwrap();
            for path in [
                at("file"),
                at("folder").join("file"),
                at("folder").join("deep/file"),
            ] {
                std::fs::write(path, "inside\n").unwrap();
            }
            symlink(outside.join("file"), at("link")).unwrap();
            symlink(&outside, at("away")).unwrap();
        }
        let root = inside.clone();
        let client =
            Client::in_process(data.path(), |config| config.allowed_roots = vec![root]).await;
        client.register(sshd.login("web1")).await;
        Self {
            client,
            sshd,
            inside,
            outside,
            _folders: [data, local],
        }
    }

    fn flipping(&self) -> Flipping {
        let pair = |number| {
            let at = |name: &str| self.inside.join(format!("{name}{number}"));
            [(at("file"), at("link")), (at("folder"), at("away"))]
        };
        Flipping::of((0..PAIRS).flat_map(pair).collect())
    }

    /// Copies all in one call, and gives how many files arrived.
    async fn transfer(&self, direction: &str, pairs: &[(String, String)]) -> u64 {
        let pair = |(local, remote): &(String, String)| json!({"local": local, "remote": remote});
        let files: Vec<_> = pairs.iter().map(pair).collect();
        let arguments = json!({"alias": "web1", "direction": direction, "files": files});
        let answer = self.client.call("task_transfer_multi", arguments).await;
        answer.facts()["filesDone"].as_u64().unwrap_or(0)
    }

    fn local(&self, name: &str) -> String {
        text(&self.inside.join(name))
    }

    /// What lies outside, by name and content.
    fn lies_outside(&self) -> Vec<(PathBuf, Option<String>)> {
        let mut found = below(&self.outside);
        found.sort();
        found
    }
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
    let scene = Scene::set().await;
    let flipping = scene.flipping();
    let up = |name: String| scene.sshd.home(&format!("up/{name}"));
    // The root itself stays what it is, and its names change between being found and being read.
    let whole = |round| (scene.local(""), up(format!("all{round}")));
    let whole: Vec<_> = (0..ROUNDS).map(whole).collect();
    let arrived = scene.transfer("upload", &whole).await;
    for number in 0..PAIRS {
        for (name, target) in [
            ("file", "file"),
            ("folder", "tree"),
            ("folder/**/*", "some"),
        ] {
            let (first, rest) = name.split_at(name.find('/').unwrap_or(name.len()));
            let local = scene.local(&format!("{first}{number}{rest}"));
            scene
                .transfer("upload", &[(local, up(format!("{target}{number}")))])
                .await;
        }
    }
    assert!(flipping.rounds.load(Ordering::Relaxed) > 0);
    drop(flipping);
    // What does not change its place arrives whatever else happens.
    assert!(arrived >= ROUNDS as u64, "{arrived}");
    for (path, content) in below(Path::new(&scene.sshd.home("up"))) {
        let is_inside = content.is_none_or(|content| content == "inside\n");
        assert!(is_inside, "{} was read outside", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_is_written_by_downloads() {
    let scene = Scene::set().await;
    let from = |name: &str| scene.sshd.home(&format!("from/{name}"));
    for round in 0..ROUNDS {
        for number in 0..PAIRS {
            for name in ["new", "deep/new", "made/er/new"] {
                let path = PathBuf::from(from(&format!("{round}/folder{number}/{name}{round}")));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "x").unwrap();
            }
            symlink("x", from(&format!("{round}/folder{number}/linked{round}"))).unwrap();
        }
        std::fs::write(from(&format!("{round}/steady{round}")), "x").unwrap();
    }
    std::fs::write(from("file"), "x".repeat(300_000)).unwrap();
    let before = scene.lies_outside();
    let flipping = scene.flipping();
    let whole = |round: usize| (scene.local(""), from(&round.to_string()));
    let whole: Vec<_> = (0..ROUNDS).map(whole).collect();
    let arrived = scene.transfer("download", &whole).await;
    for number in 0..PAIRS {
        for target in ["file", "folder", "folder/", "folder/other/x/y"] {
            let (first, rest) = target.split_at(target.find('/').unwrap_or(target.len()));
            let local = scene.local(&format!("{first}{number}{rest}"));
            scene.transfer("download", &[(local, from("file"))]).await;
        }
    }
    assert!(flipping.rounds.load(Ordering::Relaxed) > 0);
    drop(flipping);
    // What does not change its place arrives whatever else happens.
    assert!(arrived >= ROUNDS as u64, "{arrived}");
    assert_eq!(scene.lies_outside(), before);
}
