//! `MCP_ALLOWED_ROOTS` while names change what they are: what is opened is judged, not its name.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::StreamExt;
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
const PAIRS: usize = 40;

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

    /// Copies one after another, and gives how many files arrived. What is refused at once is none.
    async fn transfer(&self, direction: &str, pairs: Vec<(String, String)>) -> u64 {
        let one = async |(local, remote): (String, String)| {
            let files = json!([{"local": local, "remote": remote}]);
            let arguments = json!({"alias": "web1", "direction": direction, "files": files});
            let answer = self.client.call("task_transfer_multi", arguments).await;
            answer.facts()["filesDone"].as_u64().unwrap_or(0)
        };
        let mut under_way = futures_util::stream::iter(pairs)
            .map(one)
            .buffer_unordered(8);
        let mut arrived = 0;
        while let Some(more) = under_way.next().await {
            arrived += more;
        }
        arrived
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
    let mut pairs: Vec<_> = (0..25)
        .map(|round| (scene.local(""), up(format!("all{round}"))))
        .collect();
    for number in 0..PAIRS {
        for (name, target) in [("file", "file"), ("folder", "tree")] {
            pairs.push((
                scene.local(&format!("{name}{number}")),
                up(format!("{target}{number}")),
            ));
        }
        pairs.push((
            scene.local(&format!("folder{number}/file")),
            up(format!("in{number}")),
        ));
        pairs.push((
            scene.local(&format!("folder{number}/**/*")),
            up(format!("some{number}/")),
        ));
    }
    let arrived = scene.transfer("upload", pairs).await;
    assert!(flipping.rounds.load(Ordering::Relaxed) > 10);
    drop(flipping);
    assert!(arrived > 100, "{arrived}");
    for (path, content) in below(Path::new(&scene.sshd.home("up"))) {
        let is_inside = content.is_none_or(|content| content == "inside\n");
        assert!(is_inside, "{} was read outside", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_is_written_by_downloads() {
    let scene = Scene::set().await;
    let from = |name: &str| scene.sshd.home(&format!("from/{name}"));
    for number in 0..PAIRS {
        for name in ["file", "deep/file", "deep/er/new", "new"] {
            let path = PathBuf::from(from(&format!("folder{number}/{name}")));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        symlink("file", from(&format!("folder{number}/linked"))).unwrap();
        std::fs::write(from(&format!("file{number}")), "x".repeat(number * 10_000)).unwrap();
    }
    let before = scene.lies_outside();
    let flipping = scene.flipping();
    let mut pairs: Vec<_> = (0..15).map(|_| (scene.local(""), from(""))).collect();
    for number in 0..PAIRS {
        let one = from(&format!("file{number}"));
        let folder = scene.local(&format!("folder{number}"));
        pairs.push((scene.local(&format!("file{number}")), one.clone()));
        pairs.push((format!("{folder}/"), one.clone()));
        pairs.push((format!("{folder}/made/x/y"), one));
        pairs.push((folder.clone(), from(&format!("folder{number}"))));
        pairs.push((format!("{folder}/"), from(&format!("folder{number}/**/*"))));
    }
    let arrived = scene.transfer("download", pairs).await;
    assert!(flipping.rounds.load(Ordering::Relaxed) > 10);
    drop(flipping);
    assert!(arrived > 100, "{arrived}");
    assert_eq!(scene.lies_outside(), before);
}
