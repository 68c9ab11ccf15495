//! The demo: it passes, shows every call, and leaves nothing behind.

use crate::helper::{binary, directory};

#[tokio::test]
async fn the_tour_passes_and_cleans_up() {
    let temporary = directory();
    let output = binary()
        .arg("demo")
        .env("TMPDIR", temporary.path())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for tool in [
        "server_add",
        "task_exec",
        "file_edit",
        "task_transfer",
        "task_wait",
        "server_trust",
        "queue_stats",
    ] {
        assert!(told.contains(&format!("> {tool} ")), "{tool} is shown");
    }
    for shown in [
        "has its old content again",
        "the two files are the same",
        "kill -9, and started again",
        "HOST_KEY_MISMATCH",
        "  ? The host key of the server `demo`",
        "(4)  2.4.1",
        "All as it should be",
    ] {
        assert!(told.contains(shown), "{shown}: {told}");
    }
    assert!(!told.contains(mcp_sftp_orchestrator::demo::PASSWORD));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}
