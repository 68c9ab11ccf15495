//! Keys that are let in. An embedded server has a home directory of its own: no user's file is touched.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::helper::{EmbeddedHost, Fixture, directory, keygen, public};

const FILE: &str = ".ssh/authorized_keys";

/// A key's public half, as an argument.
fn key_of(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    keygen(&path, &["-t", "ed25519"]);
    public(&path).trim().to_owned()
}

fn content(fixture: &Fixture<EmbeddedHost>) -> String {
    std::fs::read_to_string(fixture.server.home.path().join(FILE)).unwrap_or_default()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn authorize(fixture: &Fixture<EmbeddedHost>, more: Value) -> Value {
    let mut arguments = json!({"alias": "web1"});
    let given = arguments.as_object_mut().unwrap();
    given.extend(more.as_object().unwrap().clone());
    let answer = fixture.client.call("server_authorize_key", arguments).await;
    answer.ok().facts().clone()
}

#[tokio::test]
async fn a_key_is_added_once_and_taken_back() {
    let fixture = Fixture::embedded().await;
    let (keys, home) = (directory(), fixture.server.home.path());
    let key = key_of(keys.path(), "one");
    authorize(&fixture, json!({"publicKey": key, "dryRun": true})).await;
    assert!(!home.join(".ssh").exists());
    std::fs::create_dir(home.join(".ssh")).unwrap();
    std::fs::write(home.join(FILE), "# mine\nssh-rsa AAAA other").unwrap();
    for path in [home.to_owned(), home.join(".ssh")] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    }
    let done = authorize(&fixture, json!({"publicKey": key})).await;
    let with_key = format!("# mine\nssh-rsa AAAA other\n{key}\n");
    assert_eq!(content(&fixture), with_key);
    let modes = [home.to_owned(), home.join(".ssh"), home.join(FILE)].map(|path| mode(&path));
    assert_eq!(modes, [0o755, 0o755, 0o600]);
    authorize(&fixture, json!({"publicKey": format!("{key} again")})).await;
    assert_eq!(content(&fixture), with_key);
    let undo = json!({"id": done["id"]});
    fixture.client.call("undo", undo).await.ok();
    assert_eq!(content(&fixture), "# mine\nssh-rsa AAAA other");
}

#[tokio::test]
async fn the_key_of_another_server_s_entry_is_taken() {
    let fixture = Fixture::embedded().await;
    let keys = directory();
    let key = key_of(keys.path(), "other");
    let mut other = json!({"alias": "other", "host": "h", "user": "u"});
    other["keyPath"] = keys.path().join("other").to_str().into();
    fixture.client.register(other).await;
    // The private key's own file shows it, too.
    std::fs::remove_file(keys.path().join("other.pub")).unwrap();
    authorize(&fixture, json!({"fromAlias": "other"})).await;
    assert_eq!(content(&fixture), format!("{key}\n"));
    let none = json!({"alias": "web1", "fromAlias": "web1"});
    let refused = fixture.client.call("server_authorize_key", none).await;
    let refused = refused.error("INVALID_ARGUMENT");
    assert_eq!(refused["details"]["parameter"], "fromAlias");
    let private = std::fs::read_to_string(keys.path().join("other")).unwrap();
    let leak = json!({"alias": "web1", "publicKey": private});
    let refused = fixture.client.call("server_authorize_key", leak).await;
    let refused = refused.error("INVALID_ARGUMENT");
    assert_eq!(refused["details"]["parameter"], "publicKey");
}

/// Every other way to write that file stays closed.
#[tokio::test]
async fn the_default_rules_keep_the_file_from_other_tools() {
    let fixture = Fixture::embedded().await;
    let write = json!({"alias": "web1", "path": "~/.ssh/authorized_keys", "content": "x", "createDirs": true});
    let blocked = fixture.client.call("file_write", write).await;
    blocked.error("POLICY_BLOCKED");
    let rule = json!({"pattern": "ssh-copy-id"});
    fixture.client.call("policy_blocklist_add", rule).await.ok();
    let keys = directory();
    let key = key_of(keys.path(), "one");
    let add = json!({"alias": "web1", "publicKey": key});
    let blocked = fixture.client.call("server_authorize_key", add).await;
    blocked.error("POLICY_BLOCKED");
    assert_eq!(content(&fixture), "");
}
