//! Files that replace others: the old one is never lost, and what it was is kept.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::helper::{
    Answer, Client, EmbeddedHost, Fault, Fixture, Folder, Sshd, binary, directory, eventually,
    noise, program, text, user,
};

const MIB: usize = 1024 * 1024;

/// A client of this sshd as `web1`, with its data directory.
async fn client_of(sshd: &Sshd) -> (Client, Folder) {
    let data = directory();
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    (client, data)
}

async fn transfer(client: &Client, direction: &str, local: &Path, remote: &Path) -> Answer {
    let arguments = json!({
        "alias": "web1", "direction": direction, "local": text(local), "remote": text(remote),
    });
    client.call("task_transfer", arguments).await
}

/// Copies `from` over `to`, whichever way.
async fn copy(client: &Client, direction: &str, from: &Path, to: &Path) -> Answer {
    let (local, remote) = if direction == "upload" {
        (from, to)
    } else {
        (to, from)
    };
    transfer(client, direction, local, remote).await
}

fn completed(answer: Answer) -> String {
    let answer = answer.ok();
    assert_eq!(answer.facts()["status"], "completed", "{}", answer.text());
    answer.facts()["output"].as_str().unwrap().to_owned()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn inode(path: &Path) -> u64 {
    path.metadata().unwrap().ino()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn nothing_kept(data: &Folder) {
    assert_eq!(
        names(&data.path().join("kept")),
        [""; 0],
        "nothing is left there"
    );
}

fn is_root() -> bool {
    let root = user() == "root";
    if !root {
        eprintln!("not run: only root gives files to others");
    }
    root
}

#[tokio::test]
async fn without_a_rename_over_files_the_old_one_is_moved_aside_first() {
    let sshd = Sshd::refusing("posix-rename");
    let (client, data) = client_of(&sshd).await;
    let folder = directory();
    let (from, to) = (folder.path().join("from"), folder.path().join("there/to"));
    std::fs::create_dir(to.parent().unwrap()).unwrap();
    for length in [5, 3 * MIB] {
        std::fs::write(&from, noise(length)).unwrap();
        std::fs::write(&to, "old").unwrap();
        set_mode(&to, 0o640);
        let output = completed(copy(&client, "upload", &from, &to).await);
        assert_eq!(output, "upload: 1/1 files transferred");
        assert_eq!(std::fs::read(&to).unwrap(), noise(length));
        assert_eq!(
            (mode(&to), names(to.parent().unwrap())),
            (0o640, vec!["to".into()])
        );
    }
    nothing_kept(&data);
}

#[tokio::test]
async fn where_nothing_may_be_renamed_files_are_written_in_place_and_that_is_said() {
    let sshd = Sshd::refusing("rename,posix-rename");
    let (client, data) = client_of(&sshd).await;
    let folder = directory();
    let there = folder.path().join("there");
    std::fs::create_dir(&there).unwrap();
    for (name, length) in [("old", 5), ("old", 3 * MIB), ("new", 5), ("large", 3 * MIB)] {
        let (from, to) = (folder.path().join("from"), there.join(name));
        std::fs::write(&from, noise(length)).unwrap();
        if name == "old" {
            std::fs::write(&to, "the old content").unwrap();
            set_mode(&to, 0o640);
        }
        let before = to.metadata().ok().map(|facts| facts.ino());
        let output = completed(copy(&client, "upload", &from, &to).await);
        assert!(
            output.contains("was written in place: no other file can take its name"),
            "{output}"
        );
        assert_eq!(std::fs::read(&to).unwrap(), noise(length));
        assert!(before.is_none_or(|before| before == inode(&to)));
        let expected = if name == "old" { 0o640 } else { mode(&from) };
        assert_eq!(mode(&to), expected, "{name}");
    }
    assert_eq!(names(&there), ["large", "new", "old"], "no litter");
    // A tree with a link, over one that is there.
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    for number in 0..30 {
        std::fs::write(tree.join(number.to_string()), noise(number)).unwrap();
    }
    std::os::unix::fs::symlink("0", tree.join("link")).unwrap();
    let to = folder.path().join("copy");
    for _ in 0..2 {
        let _ = std::fs::remove_file(to.join("link"));
        completed(transfer(&client, "upload", &tree, &to).await);
        assert_eq!(names(&to), names(&tree));
    }
    assert_eq!(std::fs::read(to.join("29")).unwrap(), noise(29));
    nothing_kept(&data);
}

#[tokio::test]
async fn a_cut_between_two_renames_is_mended_by_the_next_attempt() {
    for (again, then) in [
        ("the same task", Fault::PlainRename),
        ("another task", Fault::PlainRename),
        ("another task", Fault::None),
    ] {
        let fixture = Fixture::embedded().await;
        let folder = fixture.server.home.path().join("there");
        std::fs::create_dir(&folder).unwrap();
        let to = folder.join("to");
        std::fs::write(&to, "old").unwrap();
        std::fs::write(fixture.local("from"), "new").unwrap();
        fixture.server.set_fault(Fault::MuteAtRename);
        let arguments = json!({
            "alias": "web1", "direction": "upload", "local": fixture.local("from"),
            "remote": text(&to), "background": true,
        });
        let handed = fixture
            .client
            .call("task_transfer", arguments.clone())
            .await
            .ok();
        let id = &handed.facts()["id"];
        eventually("the old one is moved aside", || !to.exists()).await;
        let aside = names(&folder)
            .into_iter()
            .find(|name| name.contains(".old"));
        assert_eq!(std::fs::read(folder.join(aside.unwrap())).unwrap(), b"old");
        fixture.server.set_fault(then);
        let output = if again == "the same task" {
            fixture.server.cut();
            completed(fixture.client.wait(id).await)
        } else {
            fixture
                .client
                .call("task_cancel", json!({"id": id}))
                .await
                .ok();
            std::fs::write(fixture.local("from"), "newer").unwrap();
            completed(
                fixture
                    .client
                    .call("task_transfer", arguments)
                    .await
                    .ok()
                    .finished(&fixture)
                    .await,
            )
        };
        assert!(
            output.contains("had moved") && output.contains("moved back"),
            "{output}"
        );
        assert!(
            std::fs::read_to_string(&to).unwrap().starts_with("new"),
            "{again}"
        );
        let names = names(&folder);
        assert!(!names.iter().any(|name| name.contains(".old")), "{names:?}");
    }
}

#[tokio::test]
async fn owner_group_and_mode_are_kept() {
    if !is_root() {
        return;
    }
    let sshd = Sshd::start();
    let (client, data) = client_of(&sshd).await;
    let folder = directory();
    for direction in ["upload", "download"] {
        for length in [5, 3 * MIB] {
            for bits in [0o640, 0o4755, 0o2750] {
                let (from, to) = (folder.path().join("from"), folder.path().join("to"));
                std::fs::write(&from, noise(length)).unwrap();
                std::fs::write(&to, "old").unwrap();
                chown(&to, Some(1234), Some(1235)).unwrap();
                set_mode(&to, bits);
                let output = completed(copy(&client, direction, &from, &to).await);
                assert!(!output.contains("Note"), "{output}");
                let facts = to.metadata().unwrap();
                assert_eq!((facts.uid(), facts.gid(), mode(&to)), (1234, 1235, bits));
                assert_eq!(std::fs::read(&to).unwrap(), noise(length));
            }
        }
    }
    nothing_kept(&data);
}

#[tokio::test]
async fn where_an_owner_cannot_be_given_the_file_is_written_in_place() {
    if !is_root() {
        return;
    }
    let held = "setpriv --bounding-set=-chown";
    let (sshd, data) = (Sshd::serving_files_by(held), directory());
    let mut command = tokio::process::Command::new("setpriv");
    let program = binary().as_std().get_program().to_owned();
    command.arg("--bounding-set=-chown").arg(program);
    command.arg(format!("--data-dir={}", text(data.path())));
    let client = Client::over(crate::helper::apart(command)).await;
    client.register(sshd.login("web1")).await;
    let folder = directory();
    for direction in ["upload", "download"] {
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, "new").unwrap();
        std::fs::write(&to, "the old content").unwrap();
        chown(&to, Some(1234), Some(1235)).unwrap();
        set_mode(&to, 0o640);
        let before = inode(&to);
        let output = completed(copy(&client, direction, &from, &to).await);
        assert!(output.contains("was written in place"), "{output}");
        let facts = to.metadata().unwrap();
        assert_eq!(
            (facts.uid(), facts.gid(), mode(&to)),
            (1234, 1235, 0o640),
            "{direction}"
        );
        assert_eq!(
            (inode(&to), std::fs::read(&to).unwrap()),
            (before, b"new".to_vec())
        );
        assert_eq!(names(folder.path()), ["from", "to"], "no litter");
    }
    nothing_kept(&data);
}

#[tokio::test]
async fn a_file_with_several_names_keeps_them() {
    let sshd = Sshd::start();
    let (client, data) = client_of(&sshd).await;
    let folder = directory();
    let odd = String::from_utf8(b"a 'b'\n\xC3\xA9".to_vec()).unwrap();
    for direction in ["upload", "download"] {
        for (name, length) in [("to", 5), ("to", 3 * MIB), (odd.as_str(), 5), ("-l", 5)] {
            let (from, to) = (folder.path().join("from"), folder.path().join(name));
            let other = folder.path().join("other");
            std::fs::write(&from, noise(length)).unwrap();
            std::fs::write(&to, "old").unwrap();
            std::fs::hard_link(&to, &other).unwrap();
            let output = completed(copy(&client, direction, &from, &to).await);
            assert!(output.contains("2 names (hard links)"), "{output}");
            assert_eq!(
                (inode(&to), std::fs::read(&other).unwrap()),
                (inode(&other), noise(length))
            );
            assert_eq!(names(folder.path()).len(), 3, "no litter");
            std::fs::remove_file(&other).unwrap();
            std::fs::remove_file(&to).unwrap();
        }
    }
    // In a tree only those that have several.
    let (tree, to) = (folder.path().join("tree"), folder.path().join("there"));
    for folder in [&tree, &to] {
        std::fs::create_dir(folder).unwrap();
        for number in 0..40 {
            std::fs::write(folder.join(number.to_string()), text(folder)).unwrap();
        }
        for odd in [&b"\xFF"[..], b"\n\xFE", b" x \n"] {
            std::fs::write(folder.join(OsStr::from_bytes(odd)), text(folder)).unwrap();
        }
    }
    std::fs::hard_link(to.join("7"), folder.path().join("seven")).unwrap();
    let odd = to.join(OsStr::from_bytes(b"\n\xFE"));
    std::fs::hard_link(&odd, folder.path().join("odd")).unwrap();
    let (seven, eight) = (inode(&to.join("7")), inode(&to.join("8")));
    let output = completed(transfer(&client, "upload", &tree, &to).await);
    assert_eq!(output.matches("in place").count(), 2, "{output}");
    let linked = std::fs::read_to_string(folder.path().join("odd"));
    assert_eq!(
        (linked.unwrap(), odd.metadata().unwrap().nlink()),
        (text(&tree), 2)
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("seven")).unwrap(),
        text(&tree)
    );
    assert_eq!(inode(&to.join("7")), seven);
    assert_ne!(inode(&to.join("8")), eight);
    nothing_kept(&data);
}

/// The access list of a file as `getfacl` shows it, without its name.
fn access_list(path: &Path) -> String {
    let shown = Command::new("getfacl")
        .arg("-cnp")
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8(shown.stdout).unwrap()
}

fn set_access_list(arguments: &[&str], path: &Path) {
    let done = Command::new("setfacl").args(arguments).arg(path).status();
    assert!(done.unwrap().success());
}

#[tokio::test]
async fn access_lists_are_kept() {
    if Command::new("setfacl").arg("--version").output().is_err() {
        eprintln!("not run: setfacl is not there");
        return;
    }
    let sshd = Sshd::start();
    let (client, data) = client_of(&sshd).await;
    for direction in ["upload", "download"] {
        let folder = directory();
        let from = folder.path().join("from");
        let there = folder.path().join("there");
        std::fs::create_dir(&there).unwrap();
        std::fs::write(&from, "new").unwrap();
        // One that has a list; and one that has none where every new file gets one.
        let (listed, plain) = (there.join("listed 'x'"), there.join("plain"));
        for path in [&listed, &plain] {
            std::fs::write(path, "old").unwrap();
            set_mode(path, 0o640);
        }
        set_access_list(&["-m", "u:1234:rw,g:1235:r"], &listed);
        set_access_list(&["-d", "-m", "u:4321:rwx"], &there);
        for path in [&listed, &plain] {
            let before = (access_list(path), inode(path));
            assert_eq!(before.0.contains("1234"), path == &listed);
            completed(copy(&client, direction, &from, path).await);
            assert_eq!(access_list(path), before.0, "{direction}");
            assert_ne!(inode(path), before.1, "replaced as a whole");
            assert_eq!(std::fs::read(path).unwrap(), b"new");
        }
    }
    nothing_kept(&data);
}

#[tokio::test]
async fn a_mount_point_is_written_in_place() {
    let folder = directory();
    let (point, below) = (folder.path().join("point"), folder.path().join("below"));
    std::fs::write(&point, "hidden").unwrap();
    std::fs::write(&below, "the old content").unwrap();
    let from = folder.path().join("from");
    std::fs::write(&from, "new").unwrap();
    let mounted = format!(
        "exec unshare --map-root-user --mount sh -c 'mount --bind {} {} && exec \"$0\" \"$@\"' \"$@\"",
        below.display(),
        point.display()
    );
    program(folder.path(), "mounted", &mounted);
    let script = folder.path().join("mounted");
    for direction in ["upload", "download"] {
        std::fs::write(&below, "the old content").unwrap();
        let (sshd, data) = match direction {
            "upload" => (Sshd::serving_files_by(&text(&script)), directory()),
            _ => (Sshd::start(), directory()),
        };
        let program = binary().as_std().get_program().to_owned();
        let mut command = if direction == "upload" {
            tokio::process::Command::new(program)
        } else {
            let mut command = tokio::process::Command::new(&script);
            command.arg(program);
            command
        };
        command.arg(format!("--data-dir={}", text(data.path())));
        let client = Client::over(crate::helper::apart(command)).await;
        client.register(sshd.login("web1")).await;
        let output = completed(copy(&client, direction, &from, &point).await);
        assert!(
            output.contains("was written in place: no other file can take its name"),
            "{output}"
        );
        assert_eq!(std::fs::read(&below).unwrap(), b"new", "{direction}");
        assert_eq!(std::fs::read(&point).unwrap(), b"hidden");
        assert_eq!(names(folder.path()).len(), 4, "no litter");
        nothing_kept(&data);
    }
}

#[tokio::test]
async fn a_server_that_sets_nothing_makes_no_file_private() {
    let folder = directory();
    for requests in ["fsetstat", "fsetstat,setstat"] {
        let sshd = Sshd::refusing(requests);
        let (client, data) = client_of(&sshd).await;
        let from = folder.path().join("from");
        for length in [5, 3 * MIB] {
            std::fs::write(&from, noise(length)).unwrap();
            set_mode(&from, 0o600);
            let to = folder.path().join("to");
            std::fs::write(&to, "the old content").unwrap();
            set_mode(&to, 0o644);
            let output = completed(copy(&client, "upload", &from, &to).await);
            assert_eq!(
                (mode(&to), std::fs::read(&to).unwrap()),
                (0o644, noise(length))
            );
            let is_in_place = output.contains("was written in place");
            assert_eq!(is_in_place, requests == "fsetstat,setstat", "{output}");
            set_mode(&from, 0o640);
            let new = folder.path().join("new");
            let output = completed(copy(&client, "upload", &from, &new).await);
            assert_eq!(
                (mode(&new), std::fs::read(&new).unwrap()),
                (0o640, noise(length))
            );
            assert!(!output.contains("Note"), "{output}");
            std::fs::remove_file(&new).unwrap();
        }
        // Permissions that a server's mask takes away are mentioned.
        set_mode(&from, 0o666);
        let new = folder.path().join("new");
        let output = completed(copy(&client, "upload", &from, &new).await);
        let is_told = output.contains("has the mode 644 and not 666");
        assert_eq!(
            (is_told, mode(&new)),
            match requests {
                "fsetstat" => (false, 0o666),
                _ => (true, 0o644),
            },
            "{output}"
        );
        std::fs::remove_file(&new).unwrap();
        assert_eq!(names(folder.path()), ["from", "to"]);
        nothing_kept(&data);
    }
}

#[tokio::test]
async fn a_sparse_file_arrives_where_nothing_can_be_set() {
    let sshd = Sshd::refusing("fsetstat,setstat");
    let (client, _data) = client_of(&sshd).await;
    let folder = directory();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let file = std::fs::File::create(&from).unwrap();
    file.set_len(9 * MIB as u64 + 1).unwrap();
    completed(copy(&client, "upload", &from, &to).await);
    assert_eq!(to.metadata().unwrap().len(), 9 * MIB as u64 + 1);
    assert!(
        to.metadata().unwrap().blocks() * 512 < MIB as u64,
        "its holes stay holes"
    );
}

/// A library that has every attempt to set what a file is refused, as file systems without modes do.
fn without_modes(folder: &Path) -> String {
    let (source, library) = (folder.join("modes.c"), folder.join("modes.so"));
    let calls = "int fchmod(int f, unsigned m) { (void)f; (void)m; errno = EPERM; return -1; }\n\
                 int fchown(int f, unsigned u, unsigned g) { (void)f; (void)u; (void)g; errno = EPERM; return -1; }\n\
                 int futimens(int f, void *t) { (void)f; (void)t; errno = EPERM; return -1; }\n";
    std::fs::write(&source, format!("#include <errno.h>\n{calls}")).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status();
    assert!(made.unwrap().success());
    text(&library)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn downloads_arrive_where_files_have_no_modes() {
    let (sshd, data, folder) = (Sshd::start(), directory(), directory());
    let mut command = binary();
    command.arg(format!("--data-dir={}", text(data.path())));
    command.env("LD_PRELOAD", without_modes(folder.path()));
    let client = Client::over(command).await;
    client.register(sshd.login("web1")).await;
    let here = folder.path().join("here");
    std::fs::create_dir(&here).unwrap();
    let from = folder.path().join("from");
    for length in [5, 3 * MIB] {
        std::fs::write(&from, noise(length)).unwrap();
        set_mode(&from, 0o644);
        let (new, old) = (here.join("new"), here.join("old"));
        let output = completed(copy(&client, "download", &from, &new).await);
        assert!(output.contains("has the mode 600 and not 644"), "{output}");
        assert_eq!(std::fs::read(&new).unwrap(), noise(length));
        std::fs::write(&old, "the old content").unwrap();
        set_mode(&old, 0o664);
        let output = completed(copy(&client, "download", &from, &old).await);
        assert!(output.contains("was written in place"), "{output}");
        assert_eq!(
            (mode(&old), std::fs::read(&old).unwrap()),
            (0o664, noise(length))
        );
        assert_eq!(names(&here), ["new", "old"]);
        std::fs::remove_file(&new).unwrap();
    }
    nothing_kept(&data);
}

#[tokio::test]
async fn names_may_be_as_long_as_a_file_system_takes_them() {
    let fixture = Fixture::embedded().await;
    let sshd = Sshd::refusing("posix-rename");
    fixture.client.register(sshd.login("plain")).await;
    let folder = directory();
    let from = folder.path().join("from");
    for name in [
        "x".repeat(143),
        "x".repeat(255),
        "語".repeat(85),
        "é".repeat(127),
    ] {
        let here = folder.path().join("here");
        let there = folder.path().join("there");
        for folder in [&here, &there] {
            let _ = std::fs::remove_dir_all(folder);
            std::fs::create_dir(folder).unwrap();
        }
        for content in ["new", "newer"] {
            std::fs::write(&from, content).unwrap();
            for alias in ["web1", "plain"] {
                let mut arguments = json!({
                    "alias": alias, "direction": "upload", "local": text(&from),
                    "remote": text(&there.join(&name)),
                });
                completed(
                    fixture
                        .client
                        .call("task_transfer", arguments.clone())
                        .await,
                );
                assert_eq!(std::fs::read_to_string(there.join(&name)).unwrap(), content);
                arguments["direction"] = json!("download");
                arguments["local"] = json!(text(&here.join(&name)));
                completed(fixture.client.call("task_transfer", arguments).await);
                assert_eq!(std::fs::read_to_string(here.join(&name)).unwrap(), content);
            }
        }
        assert_eq!(
            (names(&here).len(), names(&there).len()),
            (1, 1),
            "no litter"
        );
    }
}

#[tokio::test]
async fn paths_may_be_as_long_as_a_system_takes_them() {
    let (sshd, folder) = (Sshd::start(), directory());
    let (client, data) = client_of(&sshd).await;
    let from = folder.path().join("from");
    let mut deep = folder.path().to_owned();
    while text(&deep).len() < 3830 {
        deep.push("d".repeat(100));
    }
    // The whole path is the longest that Linux takes.
    std::fs::create_dir_all(&deep).unwrap();
    let rest = 4095 - 30 - 1 - text(&deep).len();
    let to = deep.join("e".repeat(rest)).join("n".repeat(29));
    std::fs::create_dir(to.parent().unwrap()).unwrap();
    assert_eq!(text(&to).len(), 4095);
    for direction in ["upload", "download"] {
        for content in ["new", "newer"] {
            std::fs::write(&from, content).unwrap();
            completed(copy(&client, direction, &from, &to).await);
            assert_eq!(std::fs::read_to_string(&to).unwrap(), content);
        }
        assert_eq!(names(to.parent().unwrap()).len(), 1, "no litter");
        std::fs::remove_file(&to).unwrap();
    }
    nothing_kept(&data);
}

#[tokio::test]
async fn a_file_that_may_neither_be_replaced_nor_written_is_left_as_it_is() {
    if !is_root() {
        return;
    }
    // Its directory may be written; another owns it.
    let held = "setpriv --bounding-set=-chown,-dac_override,-dac_read_search,-fowner";
    let sshd = Sshd::serving_files_by(held);
    let (client, data) = client_of(&sshd).await;
    let folder = directory();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, "new").unwrap();
    std::fs::write(&to, "old").unwrap();
    chown(&to, Some(1234), Some(1235)).unwrap();
    set_mode(&to, 0o644);
    let reason = copy(&client, "upload", &from, &to).await.failed_file();
    assert!(
        reason.starts_with("Permission denied (written in place: "),
        "{reason}"
    );
    let facts = to.metadata().unwrap();
    assert_eq!((facts.uid(), facts.gid(), mode(&to)), (1234, 1235, 0o644));
    assert_eq!(
        (std::fs::read(&to).unwrap(), names(folder.path()).len()),
        (b"old".to_vec(), 2)
    );
    nothing_kept(&data);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn labels_are_kept() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    const NAME: &str = "security.selinux";
    let (sshd, folder) = (Sshd::start(), directory());
    let (client, _data) = client_of(&sshd).await;
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, "new").unwrap();
    std::fs::write(&to, "old").unwrap();
    let label = b"system_u:object_r:shadow_t:s0\0";
    if setxattr(&to, NAME, label, XattrFlags::empty()).is_err() {
        eprintln!("not run: no labels can be given here");
        return;
    }
    for direction in ["upload", "download"] {
        completed(copy(&client, direction, &from, &to).await);
        let mut room = [0; 100];
        let length = getxattr(&to, NAME, &mut room[..]).unwrap();
        assert_eq!(&room[..length], label, "{direction}");
    }
}

impl Answer {
    /// The end of the task, if it went on in the background.
    async fn finished(self, fixture: &Fixture<EmbeddedHost>) -> Self {
        fixture.client.wait(&self.facts()["id"].clone()).await
    }
}
