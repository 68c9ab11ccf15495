//! Tampering with a trail shows.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, json};

use super::entry::Begun;
use super::*;
use crate::actor::CurrentActor;
use crate::store::DataDirectory;

const FILE: &str = "audit.jsonl";
const ANCHOR_FILE: &str = "audit.anchor";

struct Scene {
    directory: tempfile::TempDir,
    trail: Trail,
}

impl Scene {
    fn set() -> Self {
        Self::with_files_of(u64::MAX)
    }

    fn with_files_of(largest: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut trail = Trail::open(&DataDirectory::existing(directory.path()));
        trail.largest = largest;
        Self { directory, trail }
    }

    /// A trail with so many lines.
    fn of(lines: usize) -> Self {
        let scene = Self::set();
        (0..lines).for_each(|_| scene.add("task_exec"));
        scene
    }

    fn add(&self, tool: &str) {
        self.trail
            .add(&Begun::new(tool, &Map::new(), &[], "0-gone"))
            .unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path(FILE)).unwrap()
    }

    fn write(&self, text: impl AsRef<[u8]>) {
        fs::write(self.path(FILE), text).unwrap();
    }

    fn append(&self, bytes: &[u8]) {
        let mut file = fs::File::options().append(true).open(self.path(FILE));
        file.as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn anchor(&self) -> Vec<u8> {
        fs::read(self.path(ANCHOR_FILE)).unwrap()
    }

    fn verify(&self) -> Verified {
        verify(self.directory.path()).unwrap()
    }

    /// The problem with it; it has to be the same after another line was added.
    fn problem(&self) -> String {
        let problem = self.verify().problem.expect("it shows");
        self.add("another");
        let later = self.verify().problem.expect("it shows later too");
        self.add("another");
        assert_eq!(self.verify().problem.as_ref(), Some(&later));
        problem
    }

    fn assert_in_order(&self, lines: u64) -> Verified {
        let verified = self.verify();
        assert_eq!((&verified.problem, verified.lines), (&None, lines));
        verified
    }
}

fn without_lines(text: &str, gone: impl Fn(usize) -> bool) -> String {
    let lines = text.lines().enumerate();
    let kept = lines.filter(|(index, _)| !gone(*index));
    kept.flat_map(|(_, line)| [line, "\n"]).collect()
}

/// Lines as version 0.1 wrote them, which had no anchor.
fn old_lines(count: usize) -> String {
    let (mut text, mut previous) = (String::new(), BEGINNING.to_owned());
    for number in 0..count {
        let line = json!({"time": "2026-01-01T00:00:00.000Z", "tool": "task_exec", "arguments": {"n": number}, "outcome": "ok", "previous": previous}).to_string();
        previous = hash(line.as_bytes());
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn finished(directory: &Path) -> Vec<PathBuf> {
    let finished = DataDirectory::existing(directory).log(NAME).finished();
    let parts = finished.unwrap().into_iter();
    parts.map(|part| part.location().into()).collect()
}

#[test]
fn lines_make_a_chain_over_files_and_processes() {
    let scene = Scene::set();
    let trails = [(); 3].map(|()| {
        let mut trail = Trail::open(&DataDirectory::existing(scene.directory.path()));
        trail.largest = 4000;
        trail
    });
    let begun = || Begun::new("task_exec", &Map::new(), &[], "0-gone");
    std::thread::scope(|scope| {
        for trail in &trails {
            scope.spawn(|| (0..40).for_each(|_| trail.add(&begun()).unwrap()));
        }
    });
    let verified = scene.assert_in_order(120);
    assert!(verified.files > 2, "{verified:?}");
}

#[test]
fn what_was_tampered_with_shows() {
    let scene = Scene::set();
    for tool in ["one", "two", "three", "four"] {
        scene.add(tool);
    }
    let text = scene.text();
    let lines: Vec<_> = text.lines().collect();
    let problem_in = |text: String| {
        scene.write(text);
        scene.verify().problem
    };
    assert_eq!(problem_in(text.clone()), None);
    let changed = problem_in(text.replace("two", "too")).unwrap();
    assert!(changed.contains("audit.jsonl:3"), "{changed}");
    assert!(problem_in([lines[0], lines[2], lines[3]].join("\n")).is_some());
    assert!(problem_in([lines[0], lines[2], lines[1], lines[3]].join("\n")).is_some());
    assert!(problem_in(format!("{}\nnonsense\n{}", lines[0], lines[1])).is_some());
    // The first of all says that it is, and the last is known.
    assert!(problem_in(lines[1..].join("\n")).is_some());
    assert!(problem_in(lines[..3].join("\n")).is_some());
    // A last line that was changed has no successor that says so.
    assert!(problem_in(text.replace("four", "five")).is_some());
}

#[test]
fn a_line_that_was_cut_off_does_not_swallow_the_next() {
    let scene = Scene::of(1);
    scene.write(scene.text().trim_end());
    scene.add("two");
    scene.assert_in_order(2);
}

#[test]
fn lines_taken_off_at_either_end_and_files_put_before_show_for_good() {
    type Tampering = fn(&str) -> String;
    let ends: [(&str, Tampering); 4] = [
        ("the first", |text| without_lines(text, |index| index == 0)),
        ("the last", |text| without_lines(text, |index| index == 4)),
        ("all but one", |text| without_lines(text, |index| index < 4)),
        ("all", |_| String::new()),
    ];
    for (what, change) in ends {
        for file_before in [None, Some(""), Some("\n \n")] {
            let scene = Scene::of(5);
            let changed = change(&scene.text());
            scene.write(changed);
            if let Some(text) = file_before {
                fs::write(scene.path("audit-20200101T000000.000Z.jsonl"), text).unwrap();
            }
            let problem = scene.problem();
            assert!(problem.contains("gone"), "{what}: {problem}");
        }
    }
    let scene = Scene::of(5);
    fs::remove_file(scene.path(FILE)).unwrap();
    assert!(scene.problem().contains("5 lines were written"));
    // Many empty files are no files of a trail whose oldest were removed.
    let scene = Scene::of(5);
    scene.write(without_lines(&scene.text(), |index| index == 0));
    for number in 0..2 * KEPT {
        fs::write(scene.path(&format!("audit-{number:02}.jsonl")), "").unwrap();
    }
    scene.problem();
}

#[test]
fn an_anchor_that_is_gone_or_nonsense_shows_for_good() {
    for nonsense in [None, Some(""), Some("{}"), Some("nonsense")] {
        let scene = Scene::of(3);
        match nonsense {
            None => fs::remove_file(scene.path(ANCHOR_FILE)).unwrap(),
            Some(text) => fs::write(scene.path(ANCHOR_FILE), text).unwrap(),
        }
        let problem = scene.problem();
        assert!(problem.contains(ANCHOR_FILE), "{problem}");
    }
    // Taking the first lines as well does not make it an old trail.
    let scene = Scene::of(3);
    fs::remove_file(scene.path(ANCHOR_FILE)).unwrap();
    scene.write(without_lines(&scene.text(), |index| index < 2));
    assert!(scene.problem().contains("audit.jsonl:1"));
}

#[test]
fn a_trail_of_an_earlier_version_gets_an_anchor() {
    let scene = Scene::set();
    scene.write(old_lines(4));
    assert_eq!(scene.assert_in_order(4).adopted.map(|old| old.lines), None);
    scene.add("new");
    let verified = scene.assert_in_order(5);
    assert_eq!(verified.adopted.as_ref().map(|old| old.lines), Some(4));
    assert!(verified.remarks().contains("the first 4 are older"));
    let anchor: serde_json::Value = serde_json::from_slice(&scene.anchor()).unwrap();
    assert_eq!(anchor["lines"], 5);
    // From then on it is held to it.
    scene.write(without_lines(&scene.text(), |index| index == 0));
    scene.problem();
    // One that had lost its beginning before does not become whole.
    let scene = Scene::set();
    scene.write(without_lines(&old_lines(4), |index| index == 0));
    assert!(scene.problem().contains("audit.jsonl:1"));
}

#[test]
fn a_process_that_ends_between_line_and_anchor_is_no_tampering() {
    let scene = Scene::of(3);
    let anchor = scene.anchor();
    // It may be several lines, of an earlier version that knows no anchor.
    for _ in 0..3 {
        scene.add("ahead");
        let later = scene.anchor();
        fs::write(scene.path(ANCHOR_FILE), &anchor).unwrap();
        scene.verify();
        assert_eq!(scene.verify().problem, None);
        fs::write(scene.path(ANCHOR_FILE), later).unwrap();
    }
    fs::write(scene.path(ANCHOR_FILE), &anchor).unwrap();
    scene.add("next");
    scene.assert_in_order(7);
    // Or before the anchor knows that the file is finished.
    let anchor = scene.anchor();
    fs::rename(
        scene.path(FILE),
        scene.path("audit-20200101T000000.000Z.jsonl"),
    )
    .unwrap();
    scene.assert_in_order(7);
    scene.add("next");
    scene.assert_in_order(8);
    fs::write(scene.path(ANCHOR_FILE), &anchor).unwrap();
    scene.add("next");
    scene.assert_in_order(9);
}

#[test]
fn half_a_line_of_a_process_that_was_ended_in_it_is_taken_out() {
    let scene = Scene::of(3);
    let whole = scene.text();
    let line = whole.lines().last().unwrap().to_owned();
    for length in [1, line.len() / 2, line.len() - 1] {
        scene.append(&line.as_bytes()[..length]);
        scene.assert_in_order(3);
        scene.add("next");
        scene.assert_in_order(4);
        scene.write(&whole);
        fs::write(scene.path(ANCHOR_FILE), Scene::anchor_of(&whole)).unwrap();
    }
}

impl Scene {
    /// The anchor of a trail with this text.
    fn anchor_of(text: &str) -> String {
        let last = text.lines().last().unwrap();
        json!({
            "lines": text.lines().count(), "last": hash(last.as_bytes()), "length": text.len(),
            "removed": {"lines": 0, "last": BEGINNING},
        })
        .to_string()
    }
}

#[test]
fn whatever_stands_at_the_end_the_next_lines_are_in_order() {
    for (junk, is_line) in [
        (vec![b'x'; 12_000_000], false),
        (b"{}\n".to_vec(), true),
        (b"\xff\xfe\0\n".to_vec(), true),
        ([vec![b'x'; 5_000_000], b"\n".to_vec()].concat(), true),
        (b" \n\n  \n".to_vec(), true),
    ] {
        let scene = Scene::of(2);
        scene.append(&junk);
        scene.add("three");
        scene.add("four");
        let text = fs::read(scene.path(FILE)).unwrap();
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
        let [.., three, four, []] = lines.as_slice() else {
            panic!("it ends a line")
        };
        assert!(
            lines::TrailLines::new(*four, 0)
                .next()
                .unwrap()
                .unwrap()
                .follows(&hash(three))
        );
        let verified = scene.verify();
        let is_blank = junk.iter().all(u8::is_ascii_whitespace);
        assert_eq!(
            verified.problem.is_none(),
            is_blank && is_line,
            "{verified:?}"
        );
        if let Some(problem) = verified.problem {
            assert!(problem.contains("audit.jsonl:3"), "{problem}");
        }
    }
}

#[test]
fn old_files_go_with_a_note_and_not_otherwise() {
    let scene = Scene::with_files_of(600);
    let mut added = 0;
    while !scene.verify().is_shortened {
        scene.add("task_exec");
        added += 1;
        assert!(added < 1000);
    }
    assert_eq!(finished(scene.directory.path()).len(), KEPT);
    let verified = scene.verify();
    assert_eq!(verified.problem, None);
    let anchor: serde_json::Value = serde_json::from_slice(&scene.anchor()).unwrap();
    let gone = anchor["removed"]["lines"].as_u64().unwrap();
    assert!(gone > 0);
    assert_eq!(
        (anchor["lines"].as_u64(), verified.lines + gone),
        (Some(added), added)
    );
    scene.add("next");
    assert_eq!(scene.verify().problem, None);
    let oldest = finished(scene.directory.path()).remove(0);
    // A process that was ended before it had removed them leaves some.
    let first = fs::read(&oldest).unwrap();
    fs::remove_file(&oldest).unwrap();
    assert!(scene.verify().problem.unwrap().contains("are gone"));
    let (line, rest) = first.split_at(first.iter().position(|byte| *byte == b'\n').unwrap() + 1);
    fs::write(&oldest, rest).unwrap();
    assert_eq!(scene.verify().problem.is_some(), !rest.is_empty());
    fs::write(&oldest, [line, rest].concat()).unwrap();
    assert_eq!(scene.verify().problem, None);
}

#[test]
fn what_the_anchor_cannot_take_is_not_in_the_trail_either() {
    let scene = Scene::of(2);
    let (text, anchor) = (scene.text(), scene.anchor());
    fs::remove_file(scene.path(ANCHOR_FILE)).unwrap();
    fs::create_dir(scene.path(ANCHOR_FILE)).unwrap();
    let refused = scene
        .trail
        .add(&Begun::new("three", &Map::new(), &[], "0-gone"));
    assert!(refused.unwrap_err().to_string().contains("is a directory"));
    assert_eq!(scene.text(), text);
    fs::remove_dir(scene.path(ANCHOR_FILE)).unwrap();
    fs::write(scene.path(ANCHOR_FILE), anchor).unwrap();
    scene.add("three");
    scene.assert_in_order(3);
}

#[test]
fn calls_without_an_end_are_told() {
    let scene = Scene::set();
    let calls = Calls::new(scene.trail.clone(), "0-gone", CurrentActor::default());
    let given = json!({"alias": "web1"});
    let [one, two, _] = ["one", "two", "three"].map(|tool| {
        calls
            .begin(
                tool,
                given.as_object().unwrap(),
                &[],
                CalledServers::default(),
            )
            .unwrap()
    });
    calls.end(&two, CallOutcome::named("ok"), None).unwrap();
    calls.end(&two, CallOutcome::named("ok"), None).unwrap();
    let verified = scene.assert_in_order(4);
    let open: Vec<_> = verified
        .open
        .iter()
        .map(|call| call.tool.as_str())
        .collect();
    assert_eq!((open, verified.running), (vec!["one", "three"], 0));
    assert!(verified.remarks().contains("2 calls have no end"));
    assert!(verified.open_calls().contains("one on `web1`"));
    calls.interrupt("it received SIGTERM").unwrap();
    calls.end(&one, CallOutcome::named("ok"), None).unwrap();
    assert!(scene.assert_in_order(6).open.is_empty());
    assert_eq!(scene.text().matches("interrupted").count(), 2);
    let causes = scene
        .text()
        .matches(r#""cause":"it received SIGTERM""#)
        .count();
    assert_eq!(causes, 2);
}
