//! The number of round trips that calls take: what need not wait for an answer is sent without waiting.

use serde_json::{Value, json};

use crate::helper::{Client, EmbeddedHost, Fault, Fixture, Folder, RoundTrips, Sshd, directory};

/// Calls that the fewest round trips are taken of: a busy machine may part one in two.
const CALLS: usize = 3;

/// A client whose connection to an sshd is counted, and has run a command.
struct Counted {
    client: Client,
    round_trips: RoundTrips,
    sshd: Sshd,
    data: Folder,
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
            data,
        }
    }

    /// The fewest round trips of a call to `web1`, with the one that closes its channel.
    async fn of(&self, tool: &'static str, mut arguments: Value) -> usize {
        arguments["alias"] = "web1".into();
        let mut fewest = usize::MAX;
        for _ in 0..CALLS {
            self.round_trips.begin().await;
            self.client.call(tool, arguments.clone()).await.ok();
            fewest = fewest.min(self.round_trips.settled().await);
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
        ("server_overview", json!({"fresh": true})),
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

#[tokio::test]
async fn the_first_command_of_a_process_takes_no_round_trip_more_than_the_login_and_its_own() {
    let counted = Counted::warm().await;
    let mut fewest = usize::MAX;
    for _ in 0..CALLS {
        let client = Client::in_process(counted.data.path(), |_| {}).await;
        counted.round_trips.begin().await;
        client.exec("web1", "true").await.ok();
        fewest = fewest.min(counted.round_trips.settled().await);
    }
    // Algorithms, keys, service, the offer of a key, the signature; channel, command, its end.
    assert_eq!(fewest, 8);
}

/// The bytes that TCP sends before it waits for an answer (RFC 6928): ten segments.
const FIRST_WINDOW: usize = 10 * 1460;

#[tokio::test]
async fn a_command_in_the_background_is_sent_at_once() {
    let counted = Counted::warm().await;
    let mut fewest = usize::MAX;
    for _ in 0..CALLS {
        counted.round_trips.begin().await;
        let call = json!({"alias": "web1", "cmd": "sleep 0.5", "background": true});
        let begun = counted.client.call("task_exec", call).await.ok();
        fewest = fewest.min(counted.round_trips.first_flight());
        counted.client.wait(&begun.facts()["id"]).await.ok();
    }
    // The script that starts it is on its way before any answer.
    assert!((4_000..FIRST_WINDOW).contains(&fewest), "{fewest} bytes");
}

/// Calls that send a command line, one with input, one with several steps, and a script, with the output
/// of each.
fn calls(log: &str) -> [(&'static str, Value, &'static str); 4] {
    let lengthy = format!("echo {}end | tail -c 4", "x".repeat(20_000));
    [
        ("task_exec", json!({"cmd": "cat; echo ran"}), "ran"),
        ("task_exec", json!({"cmd": lengthy}), "end"),
        (
            "task_exec_sequence",
            json!({"commands": ["cd /usr/share", "pwd"]}),
            "/usr/share",
        ),
        ("tail_file", json!({"filepath": log}), "last words"),
    ]
}

async fn answer(
    fixture: &Fixture<EmbeddedHost>,
    tool: &'static str,
    mut arguments: Value,
) -> String {
    arguments["alias"] = "web1".into();
    let answer = fixture.client.call(tool, arguments).await;
    answer.text().to_owned()
}

#[tokio::test]
async fn input_that_is_sent_before_the_command_is_confirmed_is_read() {
    let fixture = Fixture::embedded().await;
    std::fs::write(fixture.there("log"), "last words\n").unwrap();
    fixture.server.set_fault(Fault::ConfirmLate);
    for (tool, arguments, output) in calls(&fixture.remote("log")) {
        let said = answer(&fixture, tool, arguments).await;
        assert!(said.contains(output), "{tool}: {said}");
    }
}

#[tokio::test]
async fn a_command_that_is_refused_after_its_input_was_sent_is_told_as_refused() {
    // Once nothing is known of the shell, and once it is known to be a POSIX one.
    for is_known in [false, true] {
        let fixture = Fixture::embedded().await;
        std::fs::write(fixture.there("log"), "last words\n").unwrap();
        if is_known {
            fixture.exec("true").await.ok();
        }
        fixture.server.set_fault(Fault::RefuseCommands);
        for (tool, arguments, _) in calls(&fixture.remote("log")) {
            let said = answer(&fixture, tool, arguments).await;
            assert!(said.contains("refuses to run commands"), "{tool}: {said}");
        }
        fixture.server.set_fault(Fault::None);
        for (tool, arguments, output) in calls(&fixture.remote("log")) {
            let said = answer(&fixture, tool, arguments).await;
            assert!(said.contains(output), "{is_known}, {tool}: {said}");
        }
        assert_eq!(fixture.server.accepted(), 1);
    }
}
