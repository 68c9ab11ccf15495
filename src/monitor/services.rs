//! The services of systemd, Docker and PM2.

use serde::Serialize;
use serde_json::Value;

use super::Sections;

const SCRIPT: &str = concat!(
    include_str!("further.sh"),
    include_str!("containers.sh"),
    include_str!("pm2.sh"),
    include_str!("services.sh")
);

/// The services of each service manager.
#[derive(Debug, Serialize)]
pub struct Services {
    systemd: ServiceManager<SystemdUnit>,
    docker: ServiceManager<DockerContainer>,
    pm2: ServiceManager<Pm2Process>,
}

/// A service manager. One that is not found is `absent`, one that does not answer is `unavailable`: neither
/// is a failure of the probe.
#[derive(Debug, Serialize)]
struct ServiceManager<T> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    services: Vec<T>,
}

/// A systemd unit.
#[derive(Debug, Serialize)]
struct SystemdUnit {
    name: String,
    load: String,
    active: String,
    sub: String,
    description: String,
}

/// A Docker container.
#[derive(Debug, Serialize)]
struct DockerContainer {
    name: String,
    image: String,
    state: String,
    status: String,
}

/// A PM2 process.
#[derive(Debug, Serialize)]
struct Pm2Process {
    name: String,
    id: Option<i64>,
    pid: Option<i64>,
    status: String,
    restarts: Option<i64>,
    memory_bytes: Option<u64>,
    cpu_percent: Option<f64>,
    /// The time of its start, in milliseconds since the Unix epoch.
    started: Option<u64>,
}

/// The command of the probe.
pub fn command() -> &'static str {
    SCRIPT
}

/// Parses the output of the command.
pub fn parse(text: &str) -> Services {
    let sections = Sections::of(text);
    Services {
        systemd: manager(&sections, "systemd", |lines| {
            Some(lines.iter().filter_map(|line| unit(line)).collect())
        }),
        docker: manager(&sections, "docker", |lines| {
            Some(lines.iter().filter_map(|line| container(line)).collect())
        }),
        pm2: manager(&sections, "pm2", processes),
    }
}

fn manager<T>(
    sections: &Sections<'_>,
    name: &str,
    read: impl Fn(&[&str]) -> Option<Vec<T>>,
) -> ServiceManager<T> {
    let manager = |status, reason, services| ServiceManager {
        status,
        reason,
        services,
    };
    if !sections.has(name) {
        let reason = "it was not found on the PATH, nor where it is mostly put".to_owned();
        return manager("absent", Some(reason), Vec::new());
    }
    let lines = sections.lines(name);
    let went_well = sections.number(&format!("{name} status"), "") == Some(0);
    if let Some(services) = read(lines).filter(|_| went_well) {
        let note = sections.lines(&format!("{name} note"));
        let note = note.first().map(|&note| note.to_owned());
        return manager("present", note, services);
    }
    let said = lines.iter().find(|line| !line.trim().is_empty());
    let said = said.map_or("it did not answer", |line| line.trim());
    manager("unavailable", Some(said.to_owned()), Vec::new())
}

fn unit(line: &str) -> Option<SystemdUnit> {
    // A failed unit has a dot before its name.
    let mut words = line
        .split_whitespace()
        .filter(|word| *word != "●" && *word != "*");
    let name = words.next()?.strip_suffix(".service")?.to_owned();
    let (load, active, sub) = (words.next()?, words.next()?, words.next()?);
    Some(SystemdUnit {
        name,
        load: load.to_owned(),
        active: active.to_owned(),
        sub: sub.to_owned(),
        description: words.collect::<Vec<_>>().join(" "),
    })
}

fn container(line: &str) -> Option<DockerContainer> {
    let mut parts = line.split('\t').map(ToOwned::to_owned);
    Some(DockerContainer {
        name: parts.next().filter(|name| !name.is_empty())?,
        image: parts.next()?,
        state: parts.next()?,
        status: parts.next()?,
    })
}

fn processes(lines: &[&str]) -> Option<Vec<Pm2Process>> {
    let list = lines.iter().rev().find(|line| line.starts_with('['))?;
    let list: Vec<Value> = serde_json::from_str(list).ok()?;
    Some(list.iter().map(process).collect())
}

fn process(value: &Value) -> Pm2Process {
    let environment = &value["pm2_env"];
    Pm2Process {
        name: value["name"].as_str().unwrap_or_default().to_owned(),
        id: value["pm_id"].as_i64(),
        pid: value["pid"].as_i64(),
        status: environment["status"]
            .as_str()
            .unwrap_or("unknown")
            .to_owned(),
        restarts: environment["restart_time"].as_i64(),
        memory_bytes: value["monit"]["memory"].as_u64(),
        cpu_percent: value["monit"]["cpu"].as_f64(),
        started: environment["pm_uptime"].as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three() {
        let services = serde_json::to_value(parse(include_str!("captured/services.txt"))).unwrap();
        assert_eq!(services["systemd"]["services"][0]["name"], "cron");
        assert_eq!(services["systemd"]["services"][1]["active"], "failed");
        assert_eq!(services["docker"]["services"][0]["state"], "running");
        assert_eq!(services["docker"]["services"][0]["status"], "Up 3 hours");
        assert_eq!(services["pm2"]["services"][0]["name"], "api-server");
        assert_eq!(services["pm2"]["services"][0]["memory_bytes"], 52_428_800);
    }

    #[test]
    fn pm2_without_a_daemon_has_no_services() {
        let text = "@@ pm2\n[]\n@@ pm2 note\nits daemon is not running\n\n@@ pm2 status\n0\n";
        let services = serde_json::to_value(parse(text)).unwrap();
        assert_eq!(
            services["pm2"],
            serde_json::json!({"status": "present", "reason": "its daemon is not running", "services": []})
        );
    }

    #[test]
    fn what_is_absent_or_does_not_answer_is_no_failure() {
        let text = "@@ docker\nCannot connect to the Docker daemon\n\n@@ docker status\n1\n";
        let services = serde_json::to_value(parse(text)).unwrap();
        assert_eq!(services["systemd"]["status"], "absent");
        assert_eq!(services["docker"]["status"], "unavailable");
        assert_eq!(
            services["docker"]["reason"],
            "Cannot connect to the Docker daemon"
        );
    }
}
