//! Dialogues with the consoles of databases, over several calls each.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::helper::{Fixture, Folder, directory, eventually, text};
use crate::live_shells::Shell;

/// A database that listens at a socket in its own folder. It ends when dropped.
struct Database {
    folder: Folder,
    process: Child,
    socket: PathBuf,
}

impl Database {
    async fn start(folder: Folder, mut command: Command, socket: &str) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let socket = folder.path().join(socket);
        let process = command.spawn().unwrap();
        let database = Self {
            folder,
            process,
            socket,
        };
        eventually("the database listens", || {
            UnixStream::connect(&database.socket).is_ok()
        })
        .await;
        database
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A command as a user that may run a database: root may not.
fn as_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--clear-groups"]);
    command.arg(program);
    command
}

/// The folder of PostgreSQL's programs.
fn postgresql() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut places = versions.map(|version| version.unwrap().path().join("bin"));
    places.find(|place| place.join("initdb").exists())
}

#[tokio::test]
async fn postgresql_s_console_keeps_its_transaction() {
    let Some(programs) = postgresql() else {
        eprintln!("not run with psql: PostgreSQL is not there");
        return;
    };
    let folder = directory();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everyone).unwrap();
    let data = folder.path().join("data");
    let made = as_user(&programs.join("initdb"))
        .args(["-U", "shop", "-A", "trust", "--no-sync", "-D"])
        .arg(&data)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut server = as_user(&programs.join("postgres"));
    server
        .args(["-F", "-c", "listen_addresses=", "-D"])
        .args([&data, Path::new("-k"), folder.path()])
        .current_dir(folder.path());
    let database = Database::start(folder, server, ".s.PGSQL.5432").await;
    let fixture = Fixture::start().await;
    let program = format!(
        "psql -q -t -A -h {} -U shop postgres",
        text(database.folder.path())
    );
    let psql = Shell::open(&fixture.client, "psql", json!({"program": program})).await;
    psql.talk(&[
        ("create table t(a int);\nbegin;", "postgres=*#", ""),
        (
            "insert into t\nselect generate_series(1, 3);",
            "postgres=*#",
            "",
        ),
        ("select sum(a)", "postgres-*#", ""),
        ("from t;", "postgres=*#", "6"),
        ("rollback;", "postgres=#", ""),
        ("select count(*) from t;", "postgres=#", "0"),
    ])
    .await;
    psql.type_in("\\q")
        .await
        .has(&json!({"state": "ended", "exitCode": 0}));
}

#[tokio::test]
async fn redis_s_console_is_talked_to() {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/redis/usr");
    if !tools.join("bin/redis-server").exists() {
        eprintln!("not run with redis-cli: tests/run fetches it");
        return;
    }
    let libraries = std::fs::read_dir(tools.join("lib")).unwrap();
    let libraries: Vec<_> = libraries
        .map(|place| text(&place.unwrap().path()))
        .collect();
    let libraries = libraries.join(":");
    let folder = directory();
    let mut server = Command::new(tools.join("bin/redis-server"));
    server
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(folder.path().join("redis"))
        .env("LD_LIBRARY_PATH", &libraries)
        .current_dir(folder.path());
    let database = Database::start(folder, server, "redis").await;
    let fixture = Fixture::start().await;
    let client = text(&tools.join("bin/redis-cli"));
    let program = format!("{client} -s {}", text(&database.socket));
    let given = json!({"program": program, "env": {"LD_LIBRARY_PATH": libraries}});
    let redis = Shell::open(&fixture.client, "redis", given).await;
    let prompt = format!("redis {}>", text(&database.socket));
    redis
        .talk(&[
            ("set colour red", &prompt, "OK"),
            ("get colour", &prompt, "\"red\""),
        ])
        .await;
}

#[tokio::test]
async fn sqlite_s_console_takes_statements_in_parts() {
    let fixture = Fixture::start().await;
    if fixture.exec("command -v sqlite3").await.facts()["exitCode"] != 0 {
        eprintln!("not run with sqlite3: it is not there");
        return;
    }
    let sqlite = Shell::open(&fixture.client, "sqlite", json!({"program": "sqlite3"})).await;
    sqlite
        .talk(&[
            (
                "create table t(a);\ninsert into t values(1),(2);",
                "sqlite>",
                "",
            ),
            ("select sum(a)", "   ...>", ""),
            ("from t;", "sqlite>", "3"),
        ])
        .await;
}
