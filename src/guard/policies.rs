//! The stored command policy: `policies.json`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, OnceLock};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::asking::{AccessMode, AskingRules};
use crate::error::Error;
use crate::policy::{DEFAULT_BLOCKLIST, Pattern, Policy, TunnelRule};
use crate::store::servers::Server;
use crate::store::{DataDirectory, Document, Version};
use crate::sync::lock;
use crate::text::misspelt;

/// The content of the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct PolicyFile {
    /// The rules for commands to refuse; the default ones if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocklist: Option<Vec<String>>,
    /// The rules for commands to allow; if there are any, all others are refused.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    allowlist: Vec<String>,
    /// The rules for tunnels.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    tunnels: Vec<String>,
    /// The rules for calls that a person has to agree to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    ask: Vec<String>,
    /// The modes of servers and tags.
    #[serde(skip_serializing_if = "IndexMap::is_empty", default)]
    modes: IndexMap<String, AccessMode>,
    /// Programs with their first words that a person lets through for good, by alias.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    always: BTreeMap<String, Vec<String>>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// The names of its fields.
const FIELDS: [&str; 6] = [
    "blocklist",
    "allowlist",
    "tunnels",
    "ask",
    "modes",
    "always",
];

impl PolicyFile {
    fn blocklist(&self) -> Vec<String> {
        self.blocklist.clone().unwrap_or_else(|| {
            DEFAULT_BLOCKLIST
                .iter()
                .map(|rule| (*rule).to_owned())
                .collect()
        })
    }
}

/// The policy of a data directory. It is read again when the file changes.
///
/// Rules hold until others can be read: emptying, breaking or removing the file while this process runs
/// lifts none of them.
#[derive(Debug)]
pub struct Policies {
    document: Document,
    data: DataDirectory,
    state: Mutex<FileState>,
    /// The rules that hold if there is no file.
    default: OnceLock<Arc<ActiveRules>>,
    /// Rules that hold whatever the file says.
    fixed: Option<Arc<ActiveRules>>,
    /// The names of all tools, once they are known.
    tools: OnceLock<Vec<String>>,
}

#[derive(Debug, Default)]
struct FileState {
    /// The version of the file at the last look.
    seen: Option<Version>,
    is_read: bool,
    /// The last rules that could be read from it.
    good: Option<Arc<ActiveRules>>,
    /// The problem with the file at the last look.
    problem: Option<Error>,
}

/// Rules as they are written, and parsed.
#[derive(Debug)]
struct ActiveRules {
    written: PolicyFile,
    policy: Arc<Policy>,
    asking: Arc<AskingRules>,
}

/// The rules as they are written.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Rules {
    /// The rules for commands to refuse.
    pub blocklist: Vec<String>,
    /// The rules for commands to allow; if there are any, all others are refused.
    pub allowlist: Vec<String>,
    /// The rules for the places that tunnels lead to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tunnels: Vec<String>,
    /// The rules for calls that a person has to agree to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ask: Vec<String>,
    /// The modes of servers and tags.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub modes: IndexMap<String, AccessMode>,
    /// The commands that a person lets through for good, by server.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub always: BTreeMap<String, Vec<String>>,
    /// The problem with the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Policies {
    /// The policy of a data directory. The default rules are parsed when they are needed.
    pub fn open(data: &DataDirectory) -> Self {
        let policies = Self {
            // A broken file is an error, and not replaced by the default rules.
            document: data.document("policies.json").or_nothing(),
            data: data.clone(),
            state: Mutex::default(),
            default: OnceLock::new(),
            fixed: None,
            tools: OnceLock::new(),
        };
        // An error is reported when rules are needed.
        policies.look(&mut lock(&policies.state));
        policies
    }

    /// Refuses rules about tools that are none of these from now on, those that were read before included.
    pub fn know_tools(&self, names: impl FnOnce() -> Vec<String>) {
        let mut state = lock(&self.state);
        self.tools.get_or_init(names);
        *state = FileState::default();
        self.look(&mut state);
    }

    /// The policy that holds now. Unreadable rules are an error if none were read before: no command runs
    /// while it is unknown what is refused.
    pub fn current(&self) -> Result<Arc<Policy>, Error> {
        Ok(Arc::clone(&self.active()?.0.policy))
    }

    /// The names in rules that ask and in modes that none of these servers has.
    pub fn that_name_none(&self, servers: &[(String, Server)]) -> Result<Vec<String>, Error> {
        let servers = servers.iter();
        let named = servers.map(|(alias, server)| (alias.as_str(), server.tags()));
        Ok(self.asking()?.that_name_none(named))
    }

    /// The rules that ask.
    pub(super) fn asking(&self) -> Result<Arc<AskingRules>, Error> {
        Ok(Arc::clone(&self.active()?.0.asking))
    }

    /// The same file with other rules for commands: these are refused, and nothing else.
    pub(super) fn with_block_rules(&self, rules: Vec<Pattern>) -> Self {
        let active = ActiveRules {
            written: PolicyFile::default(),
            policy: Arc::new(Policy::new(rules, Vec::new())),
            asking: Arc::default(),
        };
        Self {
            document: self.document.clone(),
            data: self.data.clone(),
            state: Mutex::default(),
            default: OnceLock::new(),
            fixed: Some(Arc::new(active)),
            tools: OnceLock::new(),
        }
    }

    /// The rules that hold, as they are written.
    pub fn rules(&self) -> Result<Rules, Error> {
        let (written, problem) = match self.active() {
            Ok((active, problem)) => {
                let problem = problem.as_ref().map(problem_text);
                (active.written.clone(), problem)
            }
            // Rules that cannot be parsed are shown as well.
            Err(error) => (self.document.read()?, Some(error.to_string())),
        };
        Ok(Rules {
            blocklist: written.blocklist(),
            allowlist: written.allowlist,
            tunnels: written.tunnels,
            ask: written.ask,
            modes: written.modes,
            always: written.always,
            problem,
        })
    }

    /// The problem with the file, if it has one.
    pub fn problem(&self) -> Option<String> {
        match self.active() {
            Ok((_, problem)) => problem.as_ref().map(problem_text),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The rules that hold, and the problem with the file if they are older than it.
    fn active(&self) -> Result<(Arc<ActiveRules>, Option<Error>), Error> {
        if let Some(fixed) = &self.fixed {
            return Ok((Arc::clone(fixed), None));
        }
        let mut state = lock(&self.state);
        self.look(&mut state);
        match (&state.good, &state.problem) {
            (Some(good), problem) => Ok((Arc::clone(good), problem.clone())),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok((self.default()?, None)),
        }
    }

    /// Reads the file if there is need.
    fn look(&self, state: &mut FileState) {
        let version = self.document.version();
        // A problem may be solved without a change of the file, such as one with its rights.
        if !state.is_read || state.problem.is_some() || state.seen != version {
            // The version was taken before the file was read: at worst the file is read once more.
            let read = self.read();
            self.accept(state, read);
            (state.seen, state.is_read) = (version, true);
        }
    }

    fn default(&self) -> Result<Arc<ActiveRules>, Error> {
        if let Some(default) = self.default.get() {
            return Ok(Arc::clone(default));
        }
        let default = Arc::new(self.parse(PolicyFile::default())?);
        Ok(Arc::clone(self.default.get_or_init(|| default)))
    }

    fn accept(&self, state: &mut FileState, read: Result<Option<ActiveRules>, Error>) {
        let problem = match read {
            Ok(Some(active)) => {
                state.good = Some(Arc::new(active));
                None
            }
            Ok(None) if state.good.is_some() => Some(self.missing()),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        let is_new = problem.is_some() && state.problem.is_none();
        if let Some(error) = problem.as_ref().filter(|_| is_new && state.good.is_some()) {
            let notice = problem_text(error);
            tracing::error!("{notice}");
            self.data.add_notice(notice);
        }
        state.problem = problem;
    }

    fn missing(&self) -> Error {
        self.document.failure("read", "it is gone")
    }

    /// The rules of the file; `None` if there is no file.
    fn read(&self) -> Result<Option<ActiveRules>, Error> {
        let written = self.document.read_present()?;
        written.map(|written| self.parse(written)).transpose()
    }

    fn parse(&self, written: PolicyFile) -> Result<ActiveRules, Error> {
        // Passed over, a misspelt field would lift its rules.
        for name in written.other.keys() {
            if let Some(meant) = misspelt(name, FIELDS) {
                let reason = format!("`{name}` is no field of it; did you mean `{meant}`?");
                return Err(self.document.failure("read", reason));
            }
        }
        let policy = Policy::new(
            self.parse_rules(&written.blocklist(), Pattern::parse)?,
            self.parse_rules(&written.allowlist, Pattern::parse)?,
        );
        let tunnels = self.parse_rules(&written.tunnels, TunnelRule::parse)?;
        let asking = AskingRules::parse(&written.ask, &written.modes, &written.always);
        let asking = asking.and_then(|asking| match self.tools.get() {
            Some(known) => asking.check_tools(known).map(|()| asking),
            None => Ok(asking),
        });
        let asking = asking.map_err(|problem| self.document.failure("read", problem))?;
        Ok(ActiveRules {
            asking: Arc::new(asking),
            written,
            policy: Arc::new(policy.with_tunnels(tunnels)),
        })
    }

    /// Adds a rule to the blocklist. Returns true if it is new.
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

    /// Removes a rule from the blocklist. Returns true if it was there.
    pub fn unblock(&self, rule: &str) -> Result<bool, Error> {
        self.change(|rules| {
            let before = rules.len();
            rules.retain(|known| known != rule);
            rules.len() < before
        })
    }

    /// Lets such commands through on a server, unasked from now on.
    fn remember(&self, alias: &str, usual: &str) -> Result<(), Error> {
        self.refuse_if_missing()?;
        self.document.update(|written: &mut PolicyFile| {
            let known = written.always.entry(alias.to_owned()).or_default();
            if !known.iter().any(|one| one == usual) {
                known.push(usual.to_owned());
            }
        })
    }

    /// Lets such commands through, if they are for one server, and such as can be.
    pub fn let_through(&self, servers: &[String], usual: Option<&str>) -> Result<bool, Error> {
        match (servers, usual) {
            ([alias], Some(usual)) => self.remember(alias, usual).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Has such commands asked again. Returns true if they were remembered.
    pub fn forget(&self, alias: &str, usual: &str) -> Result<bool, Error> {
        self.refuse_if_missing()?;
        self.document.update(|written: &mut PolicyFile| {
            let Some(known) = written.always.get_mut(alias) else {
                return false;
            };
            let before = known.len();
            known.retain(|one| one != usual);
            let is_forgotten = known.len() < before;
            written.always.retain(|_, known| !known.is_empty());
            is_forgotten
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<String>) -> bool) -> Result<bool, Error> {
        self.refuse_if_missing()?;
        self.document.update(|written: &mut PolicyFile| {
            let mut rules = written.blocklist();
            let is_changed = change(&mut rules);
            written.blocklist = Some(rules);
            is_changed
        })
    }

    fn refuse_if_missing(&self) -> Result<(), Error> {
        // The rules that hold are no longer in the file, and writing it would lose them.
        if self.document.version().is_none() && lock(&self.state).good.is_some() {
            return Err(self.missing());
        }
        Ok(())
    }

    fn parse_rules<R, P: Display>(
        &self,
        rules: &[String],
        parse: impl Fn(&str) -> Result<R, P>,
    ) -> Result<Vec<R>, Error> {
        let parsed = rules.iter().map(|rule| {
            parse(rule).map_err(|problem| {
                let reason = format!("the rule `{rule}` is no rule: {problem}");
                self.document.failure("read", reason)
            })
        });
        parsed.collect()
    }
}

fn problem_text(error: &Error) -> String {
    format!("{error}; the command policy's rules that were read before still hold")
}
