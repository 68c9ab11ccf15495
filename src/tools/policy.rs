//! The command policy: what is refused.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::declared::{self as rmcp, Toolset, declare, tool, tool_router};
use super::{Confirmation, IfUnasked, Json, Nothing, Parameters, Person};
use crate::app::App;
use crate::error::Error;
use crate::fs::blocking;
use crate::guard::{Access, Rules};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// A program and its arguments: `rm -r /srv/*`.
    pattern: String,
}

#[derive(Serialize, JsonSchema)]
struct Changed {
    pattern: String,
    changed: bool,
}

/// The rules for people, one in a line.
fn text_of_rules(rules: &Rules) -> String {
    let listed = |title: &str, rules: &[String]| match rules {
        [] => format!("{title}: nothing"),
        rules => format!("{title}:\n{}", rules.join("\n")),
    };
    let mut parts = vec![listed("refused", &rules.blocklist)];
    if !rules.allowlist.is_empty() {
        parts.push(listed("allowed, and all else is refused", &rules.allowlist));
    }
    if !rules.tunnels.is_empty() {
        parts.push(listed("tunnels", &rules.tunnels));
    }
    if !rules.ask.is_empty() {
        parts.push(listed("asked", &rules.ask));
    }
    let modes = rules.modes.iter();
    parts.extend(modes.map(|(servers, mode)| format!("mode of {servers}: {}", mode.name())));
    let always = rules.always.iter();
    parts.extend(
        always.map(|(alias, usual)| format!("never asked on {alias}: {}", usual.join(", "))),
    );
    parts.extend(
        rules
            .problem
            .iter()
            .map(|problem| format!("problem: {problem}")),
    );
    parts.join("\n")
}

#[tool_router(router = policy_tools, vis = "pub(super)")]
impl App {
    /// List what the command policy refuses, or alone allows.
    #[tool(title = "List the command policy", meta = declare(Access::ReadsHere, Toolset::Policy))]
    async fn policy_blocklist_list(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Result<Json<Rules>, Error> {
        let guard = Arc::clone(self.guard());
        let rules = blocking(move || guard.policies().rules()).await?;
        Json::new(text_of_rules(&rules), &rules)
    }

    /// Refuse further commands on every server, also behind sudo, sh -c and the like.
    #[tool(title = "Refuse a command", meta = declare(Access::AddsHere, Toolset::Policy))]
    async fn policy_blocklist_add(
        &self,
        Parameters(Rule { pattern }): Parameters<Rule>,
    ) -> Result<Json<Changed>, Error> {
        let (guard, rule) = (Arc::clone(self.guard()), pattern.clone());
        let changed = blocking(move || guard.policies().block(&rule)).await?;
        let text = if changed {
            format!("`{pattern}` is refused from now on")
        } else {
            format!("`{pattern}` was refused already")
        };
        Json::new(text, &Changed { pattern, changed })
    }

    /// Take away a rule that policy_blocklist_list shows. A person has to agree.
    #[tool(title = "Let a command through", meta = declare(Access::ChangesHere, Toolset::Policy).asking())]
    async fn policy_blocklist_remove(
        &self,
        Parameters(Rule { pattern }): Parameters<Rule>,
        person: Person,
    ) -> Result<Json<Changed>, Error> {
        let guard = Arc::clone(self.guard());
        let rules = blocking(move || guard.policies().rules()).await?;
        if !rules.blocklist.contains(&pattern) {
            let problem = format!("is no rule: `{pattern}`; policy_blocklist_list has them");
            return Err(Error::invalid("pattern", problem));
        }
        let question = Confirmation {
            text: format!(
                "Let commands through that the rule `{pattern}` refuses, on every server?"
            ),
            if_unasked: IfUnasked::Wait,
        };
        let (guard, rule) = (Arc::clone(self.guard()), pattern.clone());
        let remove = async {
            let changed = blocking(move || guard.policies().unblock(&rule)).await?;
            let text = format!("`{pattern}` is no longer refused");
            Json::new(text, &Changed { pattern, changed })
        };
        self.if_agreed(person, question, remove).await
    }
}
