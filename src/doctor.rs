//! `doctor`: checks settings, data directory and every server, and gives advice for each problem.

use std::env;
use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};

use crate::app::{App, Offline};
use crate::audit;
use crate::config::{Config, SettingOrigin};
use crate::error::Error;
use crate::guard::Policies;
use crate::install::{ClientStart, InstallRequest};
use crate::login_session::LoginSession;
use crate::secret::{Vault, hide};
use crate::ssh::{ChannelPurpose, describe_agent, device_prompt};
use crate::store::servers::Server;
use crate::store::{Catalogue, CatalogueEntry};
use crate::tools::Tools;

/// Servers that are visited at the same time.
const AT_ONCE: usize = 8;

/// The time allowed for visiting one server, its jump hosts included.
const VISIT_TIMEOUT: Duration = Duration::from_secs(45);

/// One line of the table.
struct Finding {
    what: String,
    is_good: bool,
    text: String,
    /// The advice; empty for a good finding.
    advice: String,
}

impl Finding {
    fn good(what: impl Display, text: impl Display) -> Self {
        Self {
            what: what.to_string(),
            is_good: true,
            text: text.to_string(),
            advice: String::new(),
        }
    }

    fn bad(what: impl Display, text: impl Display, advice: impl Display) -> Self {
        Self {
            what: what.to_string(),
            is_good: false,
            text: text.to_string(),
            advice: advice.to_string(),
        }
    }

    fn of(what: impl Display, error: &Error) -> Self {
        Self::bad(what, error, error.hint())
    }
}

/// Prints the findings. Returns `true` if all of them are good.
pub async fn run(config: Config, out: &mut impl Write) -> io::Result<bool> {
    let mut findings = settings(&config);
    let data_dir = config.data_dir.clone();
    let session = config.login_session.clone();
    findings.push(rights(&data_dir));
    match App::offline(config) {
        Ok(app) => {
            findings.extend(app.secrets().await);
            findings.push(agent(&session).await);
            findings.extend(app.policy());
            findings.push(trail(&data_dir));
            findings.extend(app.servers().await);
            findings.extend(app.set_aside());
            let advice = "make it, or correct the variable";
            let absent = app.absent().into_iter();
            findings.extend(absent.map(|absent| Finding::bad("settings", absent, advice)));
            app.pool.close().await;
        }
        Err(error) => findings.push(Finding::of("data directory", &error)),
    }
    let is_well = findings.iter().all(|finding| finding.is_good);
    out.write_all(hide(&table(&findings)).as_bytes())?;
    Ok(is_well)
}

/// Runs `doctor` in another process, with the environment and the arguments that a client starts this program
/// with. Returns `true` if all is well there.
pub fn run_as(request: &InstallRequest, out: &mut impl Write) -> Result<bool, String> {
    let start = ClientStart::of(request).map_err(|error| error.to_string())?;
    let told = write!(out, "{start}").and_then(|()| out.flush());
    told.map_err(|error| error.to_string())?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let looked = Command::new(program)
        .args(&start.arguments)
        .arg("doctor")
        .env_clear()
        .envs(&start.environment)
        .status();
    let looked = looked.map_err(|error| format!("this program cannot be started: {error}"))?;
    Ok(looked.success())
}

/// The SSH agent that a login would use. It is no problem if there is none: a server that needs it says so.
async fn agent(session: &LoginSession) -> Finding {
    let found = describe_agent(session).await;
    Finding::good("SSH agent", found.unwrap_or_else(|reason| reason))
}

/// Problems with the settings, and the source of each that is set.
fn settings(config: &Config) -> Vec<Finding> {
    let what = "settings";
    let bad = config.warnings.iter();
    let bad = bad.map(|warning| Finding::bad(what, warning, "correct the variable"));
    let mut findings: Vec<_> = bad.collect();
    if findings.is_empty() {
        findings.push(Finding::good(what, "all are understood"));
    }
    let ignored = config.ignored.iter();
    findings.extend(ignored.map(|ignored| Finding::good(what, ignored)));
    let set = config.origins.iter();
    let set = set.filter(|(_, origin)| **origin != SettingOrigin::Default);
    let set: Vec<_> = set
        .map(|(name, origin)| Finding::good(name, format!("from: {origin}")))
        .collect();
    let others = config.origins.len() - set.len();
    findings.extend(set);
    findings.push(Finding::good(
        what,
        format!("{others} variables have their defaults"),
    ));
    findings
}

fn table(findings: &[Finding]) -> String {
    let width = |finding: &Finding| finding.what.chars().count();
    let width = findings.iter().map(width).max().unwrap_or_default();
    let mut table = String::new();
    for finding in findings {
        let mark = if finding.is_good { "ok  " } else { "BAD " };
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{mark} {:<width$}  {}", finding.what, finding.text);
        if !finding.advice.is_empty() {
            let _ = writeln!(table, "     {:<width$}  → {}", "", finding.advice);
        }
    }
    let bad = findings.iter().filter(|finding| !finding.is_good).count();
    let _ = match bad {
        0 => writeln!(table, "\nAll is well."),
        1 => writeln!(table, "\n1 problem."),
        more => writeln!(table, "\n{more} problems."),
    };
    table
}

#[cfg(unix)]
fn rights(directory: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;

    let what = "data directory";
    let shown = directory.display();
    match std::fs::metadata(directory) {
        // It is made when it is first needed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::good(what, format!("{shown} is not there yet"))
        }
        Err(error) => Finding::bad(
            what,
            format!("{shown}: {error}"),
            "set MCP_DATA_DIR to a directory of yours",
        ),
        Ok(metadata) if !metadata.is_dir() => Finding::bad(
            what,
            format!("{shown} is no directory"),
            "set MCP_DATA_DIR to a directory of yours",
        ),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Finding::bad(
            what,
            format!("{shown} can be read by others"),
            format!("chmod 700 {shown}"),
        ),
        Ok(_) => match tempfile::tempfile_in(directory) {
            Ok(_) => Finding::good(what, shown),
            Err(error) => Finding::bad(
                what,
                format!("{shown} cannot be written: {error}"),
                "check owner, rights and free space",
            ),
        },
    }
}

#[cfg(not(unix))]
fn rights(directory: &Path) -> Finding {
    Finding::good("data directory", directory.display())
}

fn trail(directory: &Path) -> Finding {
    let what = "audit trail";
    match audit::verify(directory) {
        Ok(audit::Verified {
            problem: Some(problem),
            ..
        }) => Finding::bad(what, problem, "find out who changed it"),
        Ok(verified) => Finding::good(
            what,
            format!("{} lines in order{}", verified.lines, verified.remarks()),
        ),
        Err(error) => Finding::bad(what, error, "check the rights of the data directory"),
    }
}

impl Offline {
    /// Checks that every secret can be read, and that none is stored in clear text.
    async fn secrets(&self) -> Vec<Finding> {
        let (mut count, mut findings) = self.secrets_of(&self.servers).await;
        let (more, others) = self.secrets_of(&self.apis).await;
        count += more;
        findings.extend(others);
        if findings.is_empty() {
            let source = self.vault.key_source();
            findings.push(Finding::good(
                "secrets",
                format!("{count} stored; encrypted with the key in {source}"),
            ));
        }
        findings
    }

    /// The number of secrets in a catalogue, and the problems with them or their entries.
    async fn secrets_of<E: CatalogueEntry>(
        &self,
        catalogue: &Catalogue<E>,
    ) -> (usize, Vec<Finding>) {
        let mut findings: Vec<_> = catalogue
            .unreadable_entries()
            .iter()
            .map(|error| Finding::of(E::FILE, error))
            .collect();
        let mut count = 0;
        for (alias, mut entry) in catalogue.list().unwrap_or_default() {
            for secret in entry.secrets() {
                count += 1;
                let what = format!("secret of {} {alias}", E::NOUN);
                if let Err(error) = self.vault.reveal(secret).await {
                    findings.push(Finding::of(what, &error));
                } else if Vault::is_clear(secret) {
                    let text = format!("stands in clear in {}", E::FILE);
                    findings.push(Finding::bad(
                        what,
                        text,
                        "start the server once: it encrypts it",
                    ));
                }
            }
        }
        (count, findings)
    }

    /// Files that were set aside because they could not be read.
    fn set_aside(&self) -> Vec<Finding> {
        let advice = "mend it and give it its name again, or remove it";
        let names = self.data.set_aside();
        let findings = names
            .iter()
            .map(|name| Finding::bad(name, "was found broken and set aside", advice));
        findings.collect()
    }

    fn policy(&self) -> Vec<Finding> {
        let what = "command policy";
        let policies = Policies::open(&self.data);
        policies.know_tools(|| Tools::new().names());
        let idle = policies
            .current()
            .and_then(|_| policies.that_name_none(&self.servers.list()?));
        let idle = match idle {
            Ok(idle) => idle,
            Err(error) => return vec![Finding::of(what, &error)],
        };
        if idle.is_empty() {
            return vec![Finding::good(what, "understood")];
        }
        let advice =
            "correct the name in `ask` or `modes` of policies.json, or add the server or its tag";
        let findings = idle.iter().map(|name| {
            let text = format!("`{name}` names no server, so that nothing is asked by it");
            Finding::bad(what, text, advice)
        });
        findings.collect()
    }

    async fn servers(&self) -> Vec<Finding> {
        let servers = match self.servers.list() {
            Ok(servers) => servers,
            Err(error) => return vec![Finding::of("servers", &error)],
        };
        if servers.is_empty() {
            return vec![Finding::good("servers", "none is configured yet")];
        }
        stream::iter(servers)
            .map(|(alias, server)| self.visit(alias, server))
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    /// Connects and logs in to a server, as a call would.
    async fn visit(&self, alias: String, server: Server) -> Finding {
        let began = Instant::now();
        let way = match &server.jump {
            Some(jump) => format!("{} through {jump}", server.endpoint()),
            None => server.endpoint(),
        };
        if server.is_device() {
            return match device_prompt(&self.pool, &alias).await {
                Ok(prompt) => {
                    let took = began.elapsed().as_millis();
                    let text = format!("{way}, a device at its prompt {prompt} within {took} ms");
                    Finding::good(&alias, text)
                }
                Err(error) => Finding::of(&alias, &error),
            };
        }
        let opened = self
            .pool
            .open(&alias, ChannelPurpose::Command, VISIT_TIMEOUT);
        match opened.await {
            Ok(_) => {
                let key = self.pool.host_key(&alias).unwrap_or_default();
                let took = began.elapsed().as_millis();
                Finding::good(
                    &alias,
                    format!("{way}, logged in within {took} ms, host key {key}"),
                )
            }
            Err(error) => Finding::of(&alias, &error),
        }
    }
}
