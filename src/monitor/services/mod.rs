//! The services of systemd, Docker and PM2: those that need attention, and the number of the others.

mod docker;
mod filter;
mod manager;
mod pm2;
mod service;
mod systemd;

use schemars::JsonSchema;
use serde::Serialize;

use super::Sections;
use docker::Container;
pub use filter::ServiceFilter;
use manager::ServiceManager;
use pm2::Pm2Process;
use systemd::SystemdUnit;

const SCRIPT: &str = concat!(
    include_str!("../further.sh"),
    include_str!("../containers.sh"),
    include_str!("../pm2.sh"),
    include_str!("../services.sh")
);

/// The services of each service manager.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Services {
    systemd: ServiceManager<SystemdUnit>,
    docker: ServiceManager<Container>,
    pm2: ServiceManager<Pm2Process>,
}

/// The command of the probe.
pub fn command() -> &'static str {
    SCRIPT
}

/// Parses the output of the command, and selects the services to show.
pub fn parse(text: &str, filter: &ServiceFilter) -> Services {
    let sections = &Sections::of(text);
    Services {
        systemd: ServiceManager::read(sections, "systemd", filter, |sections| {
            Some(systemd::units(sections))
        }),
        docker: ServiceManager::read(sections, "docker", filter, |sections| {
            Some(docker::containers(sections))
        }),
        pm2: ServiceManager::read(sections, "pm2", filter, pm2::processes),
    }
}

impl Services {
    /// The services for people, some lines for each manager.
    pub fn text(&self) -> String {
        let Self {
            systemd,
            docker,
            pm2,
        } = self;
        [
            systemd.text("systemd"),
            docker.text("docker"),
            pm2.text("pm2"),
        ]
        .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use globset::{Glob, GlobMatcher};
    use serde_json::{Value, json};

    use super::*;

    const CAPTURED: &str = include_str!("../captured/services.txt");

    fn named(pattern: &str) -> GlobMatcher {
        Glob::new(pattern).unwrap().compile_matcher()
    }

    fn read(text: &str, filter: &ServiceFilter) -> (Value, String) {
        let services = parse(text, filter);
        (serde_json::to_value(&services).unwrap(), services.text())
    }

    #[test]
    fn only_what_needs_attention_is_shown() {
        let (facts, text) = read(CAPTURED, &ServiceFilter::default());
        assert_eq!(
            facts["systemd"],
            json!({"status": "present", "counts": {"failed": 1, "inactive": 1, "active": 2}, "services": [
                {"name": "nginx", "active": "failed", "sub": "failed", "description": "A high performance web server"},
                {"name": "worker", "active": "active", "sub": "running", "restarts": 12, "description": "Queue worker"},
            ]})
        );
        assert_eq!(
            facts["docker"],
            json!({"status": "present", "counts": {"running": 1, "exited": 1}, "services": []})
        );
        assert_eq!(facts["pm2"]["services"][0]["memory_bytes"], 52_428_800);
        assert_eq!(
            text,
            "systemd: 1 failed, 1 inactive, 2 active\n\
             nginx   failed  failed                A high performance web server\n\
             worker  active  running  12 restarts  Queue worker\n\
             docker: 1 running, 1 exited\n\
             pm2: 1 online\n\
             api-server  online  3 restarts  50Mi  0.3 % CPU"
        );
    }

    #[test]
    fn a_filter_selects_by_name_and_state() {
        let mut filter = ServiceFilter {
            name: Some(named("*ngin?")),
            ..ServiceFilter::default()
        };
        let (facts, _) = read(CAPTURED, &filter);
        assert_eq!(facts["docker"]["services"][0]["image"], "nginx:1.27");
        assert_eq!(facts["pm2"]["services"], json!([]));
        filter.state = Some("failed".to_owned());
        let (facts, _) = read(CAPTURED, &filter);
        assert_eq!(facts["systemd"]["services"][0]["name"], "nginx");
        assert_eq!(facts["docker"]["services"], json!([]));
        filter.name = Some(named("*-daily"));
        filter.state = Some("dead".to_owned());
        let (facts, _) = read(CAPTURED, &filter);
        assert_eq!(facts["systemd"]["services"][0]["name"], "apt-daily");
    }

    #[test]
    fn the_others_are_named_if_asked_for() {
        let filter = ServiceFilter {
            all: true,
            ..ServiceFilter::default()
        };
        let (facts, text) = read(CAPTURED, &filter);
        assert_eq!(
            facts["systemd"]["others"],
            json!({"active": ["cron"], "inactive": ["apt-daily"]})
        );
        assert!(
            text.contains("\nactive: cron\ninactive: apt-daily\n"),
            "{text}"
        );
    }

    #[test]
    fn pm2_without_a_daemon_has_no_services() {
        let text = "@@ pm2\n[]\n@@ pm2 note\nits daemon is not running\n\n@@ pm2 status\n0\n";
        let (facts, text) = read(text, &ServiceFilter::default());
        assert_eq!(
            facts["pm2"],
            json!({"status": "present", "reason": "its daemon is not running", "services": []})
        );
        assert!(
            text.ends_with("pm2: none (its daemon is not running)"),
            "{text}"
        );
    }

    #[test]
    fn absence_and_silence_are_no_failures() {
        let text = "@@ docker\nCannot connect to the Docker daemon\n\n@@ docker status\n1\n";
        let (facts, text) = read(text, &ServiceFilter::default());
        assert_eq!(facts["systemd"]["status"], "absent");
        assert_eq!(facts["docker"]["status"], "unavailable");
        let said = "Cannot connect to the Docker daemon";
        assert_eq!(facts["docker"]["reason"], said);
        assert!(
            text.contains(&format!("docker: unavailable ({said})")),
            "{text}"
        );
    }
}
