//! A server's own `curl`: the way to an HTTP API where no channel may be forwarded.

use std::fmt::Write;
use std::time::Duration;

use super::{Script, ScriptFailure};
use crate::error::Error;
use crate::ssh::pool::Pool;

/// The time that the script may take beyond the request itself.
const SLACK: Duration = Duration::from_secs(5);

/// Begins the line with curl's figures.
const FIGURES: &str = "@@ ";

const SCRIPT: &str = include_str!("../scripts/curl.sh");

/// A request that a server makes. It goes there on standard input: a command line is for all to see.
pub struct CurlRequest<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Address.
    pub url: &'a str,
    /// Headers, as `Name: value`.
    pub headers: &'a [String],
    /// The time that the API has to answer.
    pub limit: Duration,
    /// The time to wait for a channel to the server.
    pub patience: Duration,
}

/// The output of `curl`.
pub struct CurlOutput {
    /// Status code of the answer; 0 without one.
    pub code: u16,
    /// Its error message.
    pub message: String,
    /// The time that the request took.
    pub took: Duration,
}

impl CurlRequest<'_> {
    /// Makes the request on `alias`.
    pub async fn run(&self, pool: &Pool, alias: &str) -> Result<CurlOutput, Error> {
        let unable = |reason: &str| Error::Monitoring {
            alias: alias.to_owned(),
            tool: "curl",
            reason: reason.to_owned(),
        };
        let script = Script::new("curl", SCRIPT.to_owned(), self.limit + SLACK)
            .with_token()
            .patient_for(self.patience)
            .with_input(self.settings());
        let answer = script
            .run(pool, alias)
            .await
            .map_err(|failure| match failure {
                ScriptFailure::Refused(_) => {
                    unable("it forbids forwarding and offers no POSIX shell")
                }
                other => other.into(),
            })?;
        if answer.word() == "absent" {
            return Err(unable("it forbids forwarding and has no curl"));
        }
        CurlOutput::read(&String::from_utf8_lossy(&answer.rest))
            .ok_or_else(|| unable("it forbids forwarding, and its curl gives no figures"))
    }

    /// The request in the form of curl's configuration file.
    fn settings(&self) -> String {
        let seconds = self.limit.as_secs_f64();
        let mut settings = format!(
            "silent\nshow-error\ngloboff\noutput = \"/dev/null\"\nmax-time = {seconds}\n\
             write-out = \"\\n{FIGURES}%{{http_code}} %{{time_total}}\\n\"\n"
        );
        let mut set = |name: &str, value: &str| {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(settings, "{name} = \"{escaped}\"").expect("a string takes what is written");
        };
        set("url", self.url);
        set("request", self.method);
        for header in self.headers {
            set("header", header);
        }
        if self.method == "POST" {
            set("data", "");
            // It would claim a form.
            set("header", "Content-Type:");
        }
        settings
    }
}

impl CurlOutput {
    fn read(text: &str) -> Option<Self> {
        let figures = text.lines().find_map(|line| line.strip_prefix(FIGURES))?;
        let (code, took) = figures.split_once(' ')?;
        let message = text.lines().find(|line| line.starts_with("curl: "));
        Some(Self {
            code: code.parse().ok()?,
            message: message.unwrap_or("no answer").to_owned(),
            // Some languages write a comma.
            took: Duration::try_from_secs_f64(took.trim().replace(',', ".").parse().ok()?).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let printed = CurlOutput::read("\n@@ 503 0.012\n").unwrap();
        assert_eq!(
            (printed.code, printed.took),
            (503, Duration::from_millis(12))
        );
        let printed = CurlOutput::read("curl: (7) Failed to connect\n\n@@ 000 0,001\n").unwrap();
        assert_eq!(
            (printed.code, &*printed.message),
            (0, "curl: (7) Failed to connect")
        );
        assert!(CurlOutput::read("motd").is_none());
    }

    #[test]
    fn no_value_becomes_a_setting() {
        let headers = ["X: a\"\\b".to_owned()];
        let call = CurlRequest {
            method: "GET",
            url: "http://h/",
            headers: &headers,
            limit: Duration::from_secs(10),
            patience: Duration::ZERO,
        };
        assert!(call.settings().contains("header = \"X: a\\\"\\\\b\"\n"));
    }
}
