//! Single files of a server, as file tools read and change them: each operation whole or not at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use mcp_sftp_orchestrator::app::App;
use mcp_sftp_orchestrator::config::Config;
use mcp_sftp_orchestrator::error::Error;
use mcp_sftp_orchestrator::hex::digits;
use mcp_sftp_orchestrator::logging::MemoryLog;
use mcp_sftp_orchestrator::sftp::{
    ExpectedContent, FileAccess, FileType, MayWrite, RemoteFiles, ReplaceOptions, WriteCheck,
};
use tokio_util::sync::CancellationToken;

use crate::helper::{Client, Fixture, Folder, Sshd, directory, noise, sha256, text};

/// Runs a check on the files of the embedded server and of OpenSSH's.
async fn on_each_server(check: impl AsyncFn(&App, &Path, &Path)) {
    let fixture = Fixture::embedded().await;
    let embedded = open(fixture.data.path());
    // Boxed: these futures are large.
    Box::pin(check(
        &embedded,
        fixture.data.path(),
        fixture.server.home.path(),
    ))
    .await;
    let (sshd, data, folder): (_, Folder, Folder) = (Sshd::start(), directory(), directory());
    let client = Client::in_process(data.path(), |_| {}).await;
    client.register(sshd.login("web1")).await;
    Box::pin(check(&open(data.path()), data.path(), folder.path())).await;
}

fn open(data: &Path) -> App {
    App::open(Config::with_defaults(data.to_owned()), MemoryLog::default()).unwrap()
}

async fn files<'a>(
    app: &'a App,
    may_write: &'a MayWrite<'a>,
    cancel: &'a CancellationToken,
) -> RemoteFiles<'a> {
    let access = FileAccess {
        pool: app.pool(),
        alias: "web1",
        patience: Duration::from_secs(30),
        reconnect_patience: Duration::from_secs(30),
        data: app.data(),
        may_write,
        cancel,
    };
    RemoteFiles::open(access).await.unwrap()
}

fn of_mode(mode: u32) -> ReplaceOptions<'static> {
    ReplaceOptions {
        mode: Some(mode),
        ..ReplaceOptions::default()
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_file_is_written_whole_and_read_in_ranges() {
    on_each_server(async |app, data, folder| {
        let cancel = CancellationToken::new();
        let files = files(app, &|| Box::new(|_| Ok(())), &cancel).await;
        let folder = &folder.join("written");
        fs::create_dir(folder).unwrap();
        let (path, link) = (folder.join("file"), folder.join("link"));
        let content = noise(3 * 1024 * 1024);
        files
            .write_atomic(&text(&path), &content, of_mode(0o640))
            .await
            .unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), mode(&path)),
            (content.clone(), 0o640)
        );
        let length = content.len() as u64;
        for range in [
            0..length,
            0..0,
            5..9,
            300_000..900_001,
            length - 3..length + 9,
            length + 1..length + 2,
        ] {
            let read = files.read(&text(&path), range.clone()).await.unwrap();
            let [start, end] =
                [range.start, range.end].map(|at| usize::try_from(at.min(length)).unwrap());
            assert!(read == content[start..end], "{range:?}");
        }
        // The mode of what is replaced stays, and a symbolic link leads to the file that is replaced.
        symlink("file", &link).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        for new in [&b"new"[..], b""] {
            files
                .write_atomic(&text(&link), new, ReplaceOptions::default())
                .await
                .unwrap();
            assert_eq!(
                (fs::read(&path).unwrap(), mode(&path)),
                (new.to_vec(), 0o604)
            );
            assert!(link.is_symlink());
        }
        assert_eq!(names(folder), ["file", "link"]);
        assert!(names(&data.join("staged")).is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_write_that_fails_leaves_what_was_there() {
    on_each_server(async |app, data, folder| {
        let folder = &folder.join("kept");
        fs::create_dir(folder).unwrap();
        let path = folder.join("file");
        fs::write(&path, "old").unwrap();
        let cancel = CancellationToken::new();
        let refuse = |names: &[String]| {
            assert!(
                names.iter().any(|name| name.ends_with("/file")),
                "{names:?}"
            );
            Err(Error::OwnFile {
                path: names[0].clone(),
            })
        };
        let rules = || -> WriteCheck { Box::new(refuse) };
        let refused = files(app, &rules, &cancel).await;
        let plain = ReplaceOptions::default();
        let error = refused.write_atomic(&text(&path), b"new", plain).await;
        assert!(matches!(error, Err(Error::OwnFile { .. })), "{error:?}");
        assert!(refused.remove(&text(&path)).await.is_err());
        assert!(
            refused
                .rename(&text(&path), &text(&folder.join("to")))
                .await
                .is_err()
        );
        let cancelled = CancellationToken::new();
        let files = files(app, &|| Box::new(|_| Ok(())), &cancelled).await;
        let error = files
            .write_atomic(&text(folder), b"new", plain)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("is a directory"), "{error}");
        cancelled.cancel();
        let error = files
            .write_atomic(&text(&path), b"new", plain)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("cancelled"), "{error}");
        assert_eq!(
            (names(folder), fs::read(&path).unwrap()),
            (vec!["file".to_owned()], b"old".to_vec())
        );
        assert!(names(&data.join("staged")).is_empty());
    })
    .await;
}

#[tokio::test]
async fn only_what_is_expected_is_replaced() {
    on_each_server(async |app, _, folder| {
        let cancel = CancellationToken::new();
        let files = files(app, &|| Box::new(|_| Ok(())), &cancel).await;
        let folder = &folder.join("expected");
        fs::create_dir(folder).unwrap();
        let (path, twin) = (folder.join("file"), folder.join("twin"));
        let file = |content: &[u8]| ExpectedContent::File {
            size: content.len() as u64,
            sha256: digits(&sha256(content)),
        };
        // A file with two names is written in place.
        for is_linked in [false, true] {
            fs::write(&path, "there").unwrap();
            if is_linked {
                fs::hard_link(&path, &twin).unwrap();
            }
            for (expected, is_replaced) in [
                (ExpectedContent::Absent, false),
                (file(b"three"), false),
                (file(b"there"), true),
            ] {
                let replacement = ReplaceOptions {
                    expected: Some(&expected),
                    mode: Some(0o600),
                    ..ReplaceOptions::default()
                };
                let written = files.write_atomic(&text(&path), b"new", replacement).await;
                assert_eq!(written.is_ok(), is_replaced, "{expected:?} {written:?}");
                let content = if is_replaced { "new" } else { "there" };
                assert_eq!(fs::read_to_string(&path).unwrap(), content);
            }
            assert_eq!(mode(&path), 0o600);
        }
        assert_eq!(names(folder), ["file", "twin"]);
    })
    .await;
}

#[tokio::test]
async fn entries_are_listed_renamed_and_removed_themselves() {
    on_each_server(async |app, _, folder| {
        let cancel = CancellationToken::new();
        let files = files(app, &|| Box::new(|_| Ok(())), &cancel).await;
        let folder = &folder.join("entries");
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(folder.join("file"), "1234").unwrap();
        symlink("file", folder.join("link")).unwrap();
        let at = |name: &str| text(&folder.join(name));
        let mut found: Vec<_> = files.list(&text(folder), 10).await.unwrap();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let found = found
            .iter()
            .map(|(name, metadata)| (name.to_str().unwrap(), metadata.file_type));
        let expected = [
            ("file", FileType::File),
            ("link", FileType::Link),
            ("sub", FileType::Directory),
        ];
        assert!(found.eq(expected));
        assert!(files.list(&text(folder), 2).await.is_err());
        let link = files.stat(&at("link")).await.unwrap().unwrap();
        assert_eq!((link.file_type, link.length), (FileType::File, 4));
        let link = files.lstat(&at("link")).await.unwrap().unwrap();
        assert_eq!(link.file_type, FileType::Link);
        assert_eq!(files.stat(&at("none")).await.unwrap(), None);
        // A name that is taken stays whose it is.
        let error = files.rename(&at("link"), &at("file")).await.unwrap_err();
        assert!(error.to_string().contains("exists"), "{error}");
        files.rename(&at("link"), &at("sub/moved")).await.unwrap();
        files.remove(&at("sub/moved")).await.unwrap();
        assert_eq!(
            (names(folder), names(&folder.join("sub"))),
            (vec!["file".to_owned(), "sub".to_owned()], vec![])
        );
        assert_eq!(fs::read(folder.join("file")).unwrap(), b"1234");
        files.remove(&at("sub")).await.unwrap_err();
        let error = files.read(&at("none"), 0..1).await.unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join("pipe"))
            .status();
        assert!(made.unwrap().success());
        let error = files.read(&at("pipe"), 0..1).await.unwrap_err();
        assert!(error.to_string().contains("not a file"), "{error}");
    })
    .await;
}
