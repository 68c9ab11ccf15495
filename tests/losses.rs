//! Nothing is lost: processes killed at any moment, several on one directory, a full disk, an sshd
//! that goes away under load.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::helper::{
    Client, EmbeddedHost, EmbeddedServer, Fixture, SmallDisk, Sshd, assert_has, binary, directory,
    eventually, eventually_so, if_slow, memory, noise, read_json,
};

/// A call that has been acknowledged: what has to be found later, whatever happens.
#[derive(Default)]
struct Acknowledged {
    jobs: Vec<String>,
    servers: Vec<String>,
}

/// Adds servers and jobs as fast as they are acknowledged, until the process is gone.
async fn load(client: &Client, name: &str, acknowledged: &mut Acknowledged) {
    for number in 0.. {
        let alias = format!("{name}-{number}");
        let server = json!({
            "alias": alias, "host": "192.0.2.1", "user": "u", "password": "p", "verify": false,
        });
        match client.try_call("server_add", server).await {
            Ok(answer) if answer.is_error != Some(true) => acknowledged.servers.push(alias),
            _ => return,
        }
        let arguments =
            json!({"alias": "web1", "cmd": "sleep 0.05", "background": true, "detach": false});
        match client.try_call("task_exec", arguments).await {
            Ok(answer) if answer.is_error != Some(true) => {
                let id = answer.structured_content.unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                acknowledged.jobs.push(id);
            }
            _ => return,
        }
    }
}

#[tokio::test]
async fn a_hundred_kills_at_random_moments_lose_nothing_that_was_acknowledged() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    let spawned = async || {
        let mut command = binary();
        command.arg(format!("--data-dir={}", data.path().display()));
        command
            .env("MAX_QUEUE_SIZE", "100000")
            .env("SAVE_INTERVAL", "20");
        Client::over(command).await
    };
    spawned().await.add("web1", &fixture.server).await;
    let (mut all, moments) = (Acknowledged::default(), noise(100));
    for (round, moment) in moments.into_iter().cycle().enumerate() {
        // A busy machine acknowledges less in a round.
        if round >= 100 && all.jobs.len() > 25 {
            break;
        }
        let client = spawned().await;
        let until = Duration::from_millis(u64::from(moment));
        let mut acknowledged = Acknowledged::default();
        let name = format!("r{round}");
        let _ = tokio::time::timeout(until, load(&client, &name, &mut acknowledged)).await;
        client.kill().await;
        all.jobs.append(&mut acknowledged.jobs);
        all.servers.append(&mut acknowledged.servers);
        if all.jobs.is_empty() {
            // There may be no queue yet.
            continue;
        }
        // Read as the next process finds them: each file whole, each acknowledged entry there.
        let queue = read_json(&data.path().join("queue.json"));
        let servers = read_json(&data.path().join("servers.json"));
        for id in &all.jobs {
            assert!(queue[id].is_object(), "round {round}: task {id} is lost");
        }
        for alias in &all.servers {
            assert!(
                servers[alias].is_object(),
                "round {round}: server {alias} is lost"
            );
        }
    }

    let client = spawned().await;
    for id in &all.jobs {
        let record = client.call("task_status", json!({"id": id})).await.ok();
        let status = record.facts()["status"].as_str().unwrap();
        assert!(
            ["completed", "failed", "crashed"].contains(&status),
            "{}",
            record.text()
        );
    }
    let diagnosis = client.call("system_diagnostics", json!({})).await.ok();
    assert_eq!(diagnosis.facts()["setAside"], json!([]));
    // The owner's file of each killed process and what it was writing are gone or used again.
    let owners = std::fs::read_dir(data.path().join("owners"))
        .unwrap()
        .count();
    assert_eq!(owners, 1);
    let names: HashSet<_> = std::fs::read_dir(data.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.len() < 24, "{names:?}");
}

#[tokio::test]
async fn kills_at_random_moments_leave_each_detached_task_begun_once() {
    let (fixture, data) = (Fixture::embedded().await, directory());
    let ran = fixture.remote("ran");
    Client::spawned(data.path(), &[])
        .await
        .add("web1", &fixture.server)
        .await;
    let (mut acknowledged, mut number) = (Vec::new(), 0);
    for (round, moment) in noise(15).into_iter().cycle().enumerate() {
        // A busy machine acknowledges less in a round.
        if round >= 15 && !acknowledged.is_empty() {
            break;
        }
        let client = Client::spawned(data.path(), &[]).await;
        let detaching = async {
            loop {
                number += 1;
                let cmd = format!("echo {number} >>{ran}; echo {number}");
                let arguments = json!({"alias": "web1", "cmd": cmd, "detach": true});
                let answer = client.call("task_exec", arguments).await.ok();
                acknowledged.push((answer.facts()["id"].clone(), number));
            }
        };
        let until = Duration::from_millis(u64::from(moment) * 2);
        let _ = tokio::time::timeout(until, detaching).await;
        client.kill().await;
    }
    // Two at once find what was left behind: one of them looks after each task.
    let (here, there) = tokio::join!(
        Client::spawned(data.path(), &[]),
        Client::spawned(data.path(), &[])
    );
    for (id, number) in &acknowledged {
        for client in [&here, &there] {
            let ended = client.wait(id).await.ok();
            ended.has(&json!({"status": "completed", "output": number.to_string()}));
        }
    }
    let times = |number: u32| {
        let ran = std::fs::read_to_string(&ran).unwrap();
        ran.lines()
            .filter(|line| *line == number.to_string())
            .count()
    };
    for (_, number) in &acknowledged {
        assert_eq!(times(*number), 1, "task {number}");
    }
    assert!((1..=number).all(|number| times(number) <= 1));
    eventually_so("all is over and cleared away", async || {
        let queue = here.call("task_queue", json!({"limit": 1000})).await.ok();
        let tasks = queue.facts()["tasks"].as_array().unwrap();
        tasks.iter().all(|task| {
            task["status"] != "running" && task["collected"].is_null()
                || task["remoteDirectory"].is_null()
        })
    })
    .await;
}

#[tokio::test]
async fn four_processes_add_entries_at_once_and_none_is_lost() {
    let each = if_slow(100, 25);
    let (fixture, data) = (Fixture::embedded().await, directory());
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::spawned(data.path(), &[]).await);
    }
    clients[0].add("web1", &fixture.server).await;
    let adding = clients.iter().enumerate().map(async |(process, client)| {
        let mut ids = Vec::new();
        for number in 0..each {
            let alias = format!("s{process}-{number}");
            let server = json!({"alias": alias, "host": "192.0.2.1", "user": "u", "password": "p"});
            client.register(server).await;
            let arguments =
                json!({"alias": "web1", "cmd": "true", "background": true, "detach": false});
            let handed = client.call("task_exec", arguments).await.ok();
            ids.push(handed.facts()["id"].as_str().unwrap().to_owned());
        }
        ids
    });
    let ids: Vec<_> = futures_util::future::join_all(adding).await.concat();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 4 * each);
    for client in &clients {
        let servers = client.call("server_list", json!({})).await.ok();
        assert_eq!(servers.facts().as_object().unwrap().len(), 4 * each + 1);
        for id in &ids {
            let ended = client.wait(&json!(id)).await.ok();
            assert_eq!(ended.facts()["status"], "completed", "{}", ended.text());
        }
    }
    for client in clients {
        assert!(client.leave().await.success());
    }
    let (queue, history) = (
        read_json(&data.path().join("queue.json")),
        read_json(&data.path().join("history.json")),
    );
    assert_eq!(queue.as_object().unwrap().len(), 4 * each);
    assert_eq!(history.as_array().unwrap().len(), 4 * each);
}

/// The binary with its data directory on a file system of 1 MiB.
struct OnSmallDisk {
    client: Client,
    disk: SmallDisk,
}

impl OnSmallDisk {
    async fn start() -> Self {
        let disk = SmallDisk::of_mebibytes(1);
        let mut command = binary();
        command
            .arg(format!("--data-dir={}", disk.path().display()))
            .env("SAVE_INTERVAL", "50");
        Self {
            client: Client::over(command).await,
            disk,
        }
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.disk.path().join("filling")).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 1024]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.disk.path().join("filling")).unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_pretended() {
    let fixture = Fixture::embedded().await;
    let cramped = OnSmallDisk::start().await;
    let client = &cramped.client;
    client.add("web1", &fixture.server).await;
    let exec = async |cmd: &str, background: bool| {
        let arguments = json!({"alias": "web1", "cmd": cmd, "background": background});
        client.call("task_exec", arguments).await
    };
    let before = exec("echo before", true).await.ok().facts()["id"].clone();
    client.wait(&before).await.ok();
    let gate = fixture.server.home.path().join("go");
    let waiting = exec(
        "touch waits; until [ -e go ]; do sleep 0.01; done; seq 1 100000",
        false,
    );
    let (long, ()) = tokio::join!(waiting, async {
        let begun = fixture.server.home.path().join("waits");
        eventually_so("it runs", async || {
            tokio::time::sleep(Duration::from_millis(10)).await;
            begun.exists()
        })
        .await;
        cramped.fill();
        // The trail's last page may still take a line or two.
        let mut acted = 0;
        while !exec("true", false).await.is_error() {
            acted += 1;
            assert!(acted < 50, "the disk is full");
        }
        refuses_everything(client, &fixture).await;
        std::fs::write(gate, "").unwrap();
    });
    // The command that had begun is answered, and says which part of its output is missing.
    let long = long.ok();
    long.has(&json!({"exitCode": 0, "truncated": true}));
    let problem = long.facts()["outputProblem"].as_str().unwrap();
    assert!(problem.contains("No space"), "{}", long.text());
    assert!(long.text().contains("No space"), "{}", long.text());
    let servers = read_json(&cramped.disk.path().join("servers.json"));
    assert_eq!(servers.as_object().unwrap().len(), 1);
    let file = cramped.disk.path().join("queue.json");
    assert!(read_json(&file)[before.as_str().unwrap()].is_object());

    cramped.free();
    client.register(unreachable("web2")).await;
    let id = long.facts()["id"].as_str().unwrap();
    eventually("what could not be written is written now", || {
        read_json(&file)[id]["status"] == "completed"
    })
    .await;
    let servers = client.call("server_list", json!({})).await.ok();
    assert_eq!(servers.facts().as_object().unwrap().len(), 2);
}

fn unreachable(alias: &str) -> Value {
    json!({"alias": alias, "host": "192.0.2.1", "user": "u", "password": "p"})
}

/// Nothing acts that could not be told of afterwards, and what only reads goes on.
async fn refuses_everything(client: &Client, fixture: &Fixture<EmbeddedHost>) {
    for (tool, arguments) in [
        ("server_add", unreachable("web2")),
        ("server_remove", json!({"alias": "web1"})),
        ("task_exec", json!({"alias": "web1", "cmd": "touch acted"})),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": "touch acted", "background": true, "detach": false}),
        ),
        (
            "task_exec",
            json!({"alias": "web1", "cmd": "touch acted", "detach": true}),
        ),
    ] {
        client.call(tool, arguments).await.error("STORAGE_ERROR");
    }
    assert!(!fixture.server.home.path().join("acted").exists());
    let servers = client.call("server_list", json!({})).await.ok();
    assert_eq!(servers.facts().as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn five_hundred_tasks_over_twenty_servers_run_once_each_in_little_memory() {
    let data = directory();
    let homes: Vec<_> = (0..20).map(|_| directory()).collect();
    let client = Client::spawned(data.path(), &[]).await;
    let mut servers = Vec::new();
    for (number, home) in homes.iter().enumerate() {
        let server = EmbeddedServer::start(home.path(), None).await.unwrap();
        client.add(&format!("s{number}"), &server).await;
        servers.push(server);
    }
    let calls = (0..500).map(async |number| {
        let cmd = format!("echo {number} >>log; seq {number} 5000");
        let alias = format!("s{}", number % 20);
        let arguments = json!({"alias": alias, "cmd": cmd, "background": true, "detach": false});
        client.call("task_exec", arguments).await.ok().facts()["id"].clone()
    });
    let ids = futures_util::future::join_all(calls).await;
    for (number, id) in ids.iter().enumerate() {
        let ended = client.wait(id).await.ok();
        let facts = ended.facts();
        assert_has(
            facts,
            &json!({"status": "completed", "lineCount": 5001 - number}),
        );
    }
    let mut ran: Vec<usize> = Vec::new();
    for home in &homes {
        let log = std::fs::read_to_string(home.path().join("log")).unwrap();
        ran.extend(log.lines().map(|line| line.parse::<usize>().unwrap()));
    }
    ran.sort_unstable();
    assert_eq!(ran, (0..500).collect::<Vec<_>>());
    let figure = |name: &str| memory(client.process_id(), name);
    // Less the program's own pages: a debug build has 20 MiB of them, a release 10.
    let most = figure("VmHWM") - figure("RssFile");
    assert!(most < 54 * 1024 * 1024, "{most} bytes of memory");
}

#[tokio::test]
async fn an_sshd_that_is_killed_and_restarted_under_load_leaves_right_answers() {
    let (mut sshd, data) = (Sshd::start(), directory());
    let client = Client::spawned(data.path(), &[]).await;
    client.register(sshd.login("web1")).await;
    let log = sshd.home("ran");
    let mut ids = BTreeMap::new();
    for number in 0..60 {
        let cmd = format!("echo {number} >>{log}; sleep 0.2; echo {number}");
        let arguments = json!({"alias": "web1", "cmd": cmd, "background": true, "detach": false});
        let handed = client.call("task_exec", arguments).await.ok();
        ids.insert(number, handed.facts()["id"].clone());
        if number % 20 == 10 {
            // Some are under way by then, and some have not begun.
            let under_way = format!("{number}");
            eventually("a command is under way", || {
                std::fs::read_to_string(&log).is_ok_and(|ran| ran.contains(&under_way))
            })
            .await;
            sshd.kill();
            sshd.restart();
        }
    }
    let mut records = BTreeMap::new();
    for (number, id) in &ids {
        client.wait(id).await;
        let record = client.call("task_status", json!({"id": id})).await.ok();
        records.insert(*number, record.facts().clone());
    }
    let ran = std::fs::read_to_string(&log).unwrap();
    for (number, record) in &records {
        let times = ran
            .lines()
            .filter(|line| *line == number.to_string())
            .count();
        match record["status"].as_str().unwrap() {
            "completed" => assert_eq!((times, &record["output"]), (1, &json!(number.to_string()))),
            "failed" => {
                assert!(times <= 1, "{number} ran {times} times");
                assert_eq!(record["errorCode"], "CONNECTION_FAILED", "{record}");
            }
            other => panic!("{other}: {record}"),
        }
    }
    for status in ["completed", "failed"] {
        assert!(
            records.values().any(|record| record["status"] == status),
            "none {status}"
        );
    }
    let after = json!({"alias": "web1", "cmd": "echo after"});
    assert_eq!(
        client.call("task_exec", after).await.ok().facts()["output"],
        "after"
    );
}

#[tokio::test]
async fn a_queue_that_breaks_while_its_process_lives_brings_nothing_back() {
    let fixture = Fixture::embedded().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let handed = fixture.background(&format!("echo {number}")).await;
        ids.push(handed.facts()["id"].clone());
        fixture.client.wait(&ids[number]).await.ok();
    }
    std::fs::write(fixture.data.path().join("queue.json"), "{").unwrap();
    for (number, id) in ids.iter().enumerate() {
        let queue = fixture
            .client
            .call("task_queue", json!({"status": "completed"}))
            .await
            .ok();
        assert_eq!(queue.facts()["tasks"].as_array().unwrap().len(), 3);
        let found = fixture.client.wait(id).await.ok();
        assert_eq!(found.facts()["output"], number.to_string());
    }
}

#[tokio::test]
async fn a_broken_file_is_reported_in_the_answer_and_in_the_diagnosis() {
    let data = directory();
    let text = "{\"web1\": {\"host\": \"h\", \"user\": \"u\",}}";
    std::fs::write(data.path().join("servers.json"), text).unwrap();
    let client = Client::spawned(data.path(), &[]).await;
    let list = client.call("server_list", json!({})).await.ok();
    let notice = &list.0.content[1].as_text().expect("a notice").text;
    assert!(
        notice.contains("servers.json") && notice.contains("set aside"),
        "{notice}"
    );
    let again = client.call("server_list", json!({})).await.ok();
    assert_eq!(again.0.content.len(), 1, "it is said once");
    let diagnosis = client.call("system_diagnostics", json!({})).await.ok();
    let name = diagnosis.facts()["setAside"][0].as_str().unwrap();
    assert_eq!(
        std::fs::read_to_string(data.path().join(name)).unwrap(),
        text
    );
}
