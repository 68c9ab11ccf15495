//! Answers of an interactive command, as command lines: a shell at a terminal runs them.

use indexmap::IndexMap;

use super::Guard;
use crate::error::Error;
use crate::policy::{Policy, Refusal};
use crate::ssh::secrecy::{asks_for_secret, is_harmless};

/// Answers of which each two are also judged one after the other, in either order: prompts may come in any.
const PAIRED: usize = 12;

/// Characters of a prompt in a refusal.
const PROMPT: usize = 60;

type Answers = IndexMap<String, String>;

impl Guard {
    /// Refuses answers that the policy would refuse as commands, each by itself and one after the other.
    ///
    /// A password is hardly ever a command that a rule forbids. What an allow list does not have is refused
    /// only where the command is known to run what it reads. No answer is quoted.
    pub fn may_answer(&self, cmd: &str, answers: &Answers) -> Result<(), Error> {
        if answers
            .iter()
            .all(|(prompt, answer)| is_harmless(prompt, answer))
        {
            return Ok(());
        }
        let policy = self.policies.current()?;
        for (prompt, answer) in answers {
            if !is_harmless(prompt, answer) {
                let judged = policy.judge_forbidden(answer);
                judged.map_err(|refusal| refused(&[prompt], refusal))?;
            }
        }
        let prompts: Vec<_> = answers.keys().collect();
        together(&policy, cmd, answers).map_err(|refusal| refused(&prompts, refusal))
    }
}

/// Judges answers as one text, in their order, in the place of what the command reads, and in pairs.
fn together(policy: &Policy, cmd: &str, answers: &Answers) -> Result<(), Refusal> {
    let all: Vec<_> = answers.values().map(String::as_str).collect();
    let text = all.join("\n");
    policy.judge_forbidden(&text)?;
    policy.judge_with_input(cmd, &text)?;
    if all.len() > PAIRED {
        return Ok(());
    }
    for first in &all {
        for second in &all {
            let pair = format!("{first}\n{second}");
            policy.judge_forbidden(&pair)?;
            policy.judge_with_input(cmd, &pair)?;
        }
    }
    Ok(())
}

/// The refusal without the answers. A rule that is all of an answer would give a secret away.
fn refused(prompts: &[&String], refusal: Refusal) -> Error {
    let is_secret = prompts.iter().any(|prompt| asks_for_secret(prompt));
    let rule = refusal.rule.filter(|_| !is_secret);
    let part = match prompts {
        [prompt] => {
            let prompt: String = prompt.chars().take(PROMPT).collect();
            format!("the answer to {prompt}")
        }
        _ => "the answers, one after the other".to_owned(),
    };
    let reason = match &rule {
        Some(rule) => format!("as a command line, it breaks the rule `{rule}`"),
        None => "as a command line, it is none that the policy lets through".to_owned(),
    };
    Error::Blocked {
        rule,
        part,
        reason,
        advice:
            "Give answers that would pass as commands: a shell at a terminal runs them. If it is a \
            password, ask whoever runs the server."
                .to_owned(),
    }
}
