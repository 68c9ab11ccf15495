//! The command policy as it is kept: `policies.json`.

use std::sync::{Arc, Mutex, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::policy::{DEFAULT_BLOCKLIST, Pattern, Policy};
use crate::store::{DataDirectory, Document, Version};
use crate::sync::lock;

/// The file's shape.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Written {
    /// What is refused; the default list if the file does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocklist: Option<Vec<String>>,
    /// If there is any, only what it lets through is run.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    allowlist: Vec<String>,
    /// What this version does not know.
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Written {
    fn blocklist(&self) -> Vec<String> {
        self.blocklist.clone().unwrap_or_else(|| {
            DEFAULT_BLOCKLIST
                .iter()
                .map(|rule| (*rule).to_owned())
                .collect()
        })
    }
}

/// The policy of one data directory, read again when the file changes.
///
/// Rules that were once read hold until others can be read: a file that is emptied, broken or taken away
/// while this process runs does not let through what it refused.
#[derive(Debug)]
pub struct Policies {
    document: Document,
    data: DataDirectory,
    state: Mutex<State>,
    /// What holds where there is no file.
    default: OnceLock<Arc<Standing>>,
}

#[derive(Debug, Default)]
struct State {
    /// The file's version that was looked at last, if it was looked at.
    seen: Option<Version>,
    is_read: bool,
    /// The last rules that could be read from it.
    good: Option<Arc<Standing>>,
    /// What was wrong with it at the last look.
    problem: Option<Error>,
}

/// Rules as they are written, and as they are understood.
#[derive(Debug)]
struct Standing {
    written: Written,
    policy: Arc<Policy>,
}

/// The rules as they are written.
#[derive(Clone, Debug, Serialize)]
pub struct Rules {
    /// What is refused.
    pub blocklist: Vec<String>,
    /// If there is any, only what it lets through is run.
    pub allowlist: Vec<String>,
    /// What is wrong with the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Policies {
    /// The policy of a data directory.
    pub fn open(data: &DataDirectory) -> Self {
        let policies = Self {
            // Whoever wrote rules does not want them replaced by the default ones in silence.
            document: data.document("policies.json").or_nothing(),
            data: data.clone(),
            state: Mutex::default(),
            default: OnceLock::new(),
        };
        // What is wrong by now is said when rules are needed.
        let _ = policies.stand();
        policies
    }

    /// The policy as it stands. Rules that cannot be read are an error where none were before: nothing is
    /// run while it is not known what is refused.
    pub fn current(&self) -> Result<Arc<Policy>, Error> {
        Ok(Arc::clone(&self.stand()?.0.policy))
    }

    /// The rules that hold, as they are written.
    pub fn rules(&self) -> Result<Rules, Error> {
        let (written, problem) = match self.stand() {
            Ok((standing, problem)) => {
                let problem = problem.as_ref().map(still_hold);
                (standing.written.clone(), problem)
            }
            // Those that are not understood are to be seen.
            Err(error) => (self.document.read()?, Some(error.to_string())),
        };
        Ok(Rules {
            blocklist: written.blocklist(),
            allowlist: written.allowlist,
            problem,
        })
    }

    /// What is wrong with the file, if anything is.
    pub fn problem(&self) -> Option<String> {
        match self.stand() {
            Ok((_, problem)) => problem.as_ref().map(still_hold),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The rules that hold, and what is wrong with the file if they are earlier ones.
    fn stand(&self) -> Result<(Arc<Standing>, Option<Error>), Error> {
        let version = self.document.version();
        let mut state = lock(&self.state);
        // What is wrong may be mended without a change of the file.
        if !state.is_read || state.problem.is_some() || state.seen != version {
            // The version is older than what is read: at worst the file is read once more.
            let read = self.read();
            self.take(&mut state, read);
            (state.seen, state.is_read) = (version, true);
        }
        match (&state.good, &state.problem) {
            (Some(good), problem) => Ok((Arc::clone(good), problem.clone())),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok((self.default()?, None)),
        }
    }

    fn default(&self) -> Result<Arc<Standing>, Error> {
        if let Some(default) = self.default.get() {
            return Ok(Arc::clone(default));
        }
        let default = Arc::new(self.understood(Written::default())?);
        Ok(Arc::clone(self.default.get_or_init(|| default)))
    }

    fn take(&self, state: &mut State, read: Result<Option<Standing>, Error>) {
        let problem = match read {
            Ok(Some(standing)) => {
                state.good = Some(Arc::new(standing));
                None
            }
            Ok(None) if state.good.is_some() => Some(self.gone()),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        let is_new = problem.is_some() && state.problem.is_none();
        if let Some(error) = problem.as_ref().filter(|_| is_new && state.good.is_some()) {
            let notice = still_hold(error);
            tracing::error!("{notice}");
            self.data.add_notice(notice);
        }
        state.problem = problem;
    }

    fn gone(&self) -> Error {
        self.document.failure("read", "it is gone")
    }

    /// What the file says; `None` where there is none.
    fn read(&self) -> Result<Option<Standing>, Error> {
        let written = self.document.read_present()?;
        written.map(|written| self.understood(written)).transpose()
    }

    fn understood(&self, written: Written) -> Result<Standing, Error> {
        let policy = Policy::new(
            self.parsed(&written.blocklist())?,
            self.parsed(&written.allowlist)?,
        );
        Ok(Standing {
            written,
            policy: Arc::new(policy),
        })
    }

    /// Adds a rule to those of what is refused. Says whether it is new.
    pub fn block(&self, rule: &str) -> Result<bool, Error> {
        Pattern::parse(rule)
            .map_err(|problem| Error::invalid("pattern", format!("is no rule: {problem}")))?;
        self.change(|rules| {
            let is_new = !rules.iter().any(|known| known == rule);
            if is_new {
                rules.push(rule.to_owned());
            }
            is_new
        })
    }

    /// Takes such a rule away. Says whether it was there.
    pub fn unblock(&self, rule: &str) -> Result<bool, Error> {
        self.change(|rules| {
            let before = rules.len();
            rules.retain(|known| known != rule);
            rules.len() < before
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<String>) -> bool) -> Result<bool, Error> {
        // Rules that hold and are not in the file would be lost.
        if self.document.version().is_none() && lock(&self.state).good.is_some() {
            return Err(self.gone());
        }
        self.document.update(|written: &mut Written| {
            let mut rules = written.blocklist();
            let is_changed = change(&mut rules);
            written.blocklist = Some(rules);
            is_changed
        })
    }

    fn parsed(&self, rules: &[String]) -> Result<Vec<Pattern>, Error> {
        let parsed = rules.iter().map(|rule| {
            Pattern::parse(rule).map_err(|problem| {
                let reason = format!("the rule `{rule}` is no rule: {problem}");
                self.document.failure("read", reason)
            })
        });
        parsed.collect()
    }
}

fn still_hold(error: &Error) -> String {
    format!("{error}; the command policy's rules that were read before still hold")
}
