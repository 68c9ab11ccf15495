//! The number of round trips that calls take: what need not wait for an answer is sent without waiting.

use serde_json::{Value, json};

use crate::helper::{Client, Folder, RoundTrips, Sshd, directory};

/// Calls that the fewest round trips are taken of: a busy machine may part one in two.
const CALLS: usize = 3;

/// A client whose connection to an sshd is counted, and has run a command.
struct Counted {
    client: Client,
    round_trips: RoundTrips,
    sshd: Sshd,
    _data: Folder,
}

impl Counted {
    async fn warm() -> Self {
        let (sshd, data) = (Sshd::start(), directory());
        let round_trips = RoundTrips::start(sshd.port).await;
        let client = Client::in_process(data.path(), |_| {}).await;
        let mut login = sshd.login("web1");
        login["port"] = round_trips.port.into();
        client.register(login).await;
        client.exec("web1", "true").await.ok();
        Self {
            client,
            round_trips,
            sshd,
            _data: data,
        }
    }

    /// The fewest round trips of a call to `web1`.
    async fn of(&self, tool: &'static str, mut arguments: Value) -> usize {
        arguments["alias"] = "web1".into();
        let mut fewest = usize::MAX;
        for _ in 0..CALLS {
            self.round_trips.begin().await;
            self.client.call(tool, arguments.clone()).await.ok();
            fewest = fewest.min(self.round_trips.count());
        }
        fewest
    }
}

#[tokio::test]
async fn scripts_and_sequences_take_no_more_round_trips_than_a_command() {
    let counted = Counted::warm().await;
    let one = counted.of("task_exec", json!({"cmd": "true"})).await;
    let log = counted.sshd.home("log");
    std::fs::write(&log, "last words\n").unwrap();
    let many: Vec<_> = (0..10).map(|step| format!("echo {step}")).collect();
    for (tool, arguments) in [
        ("tail_file", json!({"filepath": log})),
        ("get_system_resources", json!({})),
        (
            "task_exec_sequence",
            json!({"commands": ["cd /tmp", "pwd", "false"]}),
        ),
        ("task_exec_sequence", json!({"commands": many})),
    ] {
        let taken = counted.of(tool, arguments.clone()).await;
        assert_eq!(taken, one, "{tool} {arguments}");
    }
}
