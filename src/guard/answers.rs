//! Answers to prompts, judged as command lines: a shell at a terminal would run them.

use indexmap::IndexMap;

use super::Guard;
use crate::error::Error;
use crate::policy::Refusal;
use crate::ssh::prompt::secrecy::{asks_for_secret, is_harmless};

/// The most answers of which each pair is also judged one after the other, in either order, because prompts
/// may come in any order.
const PAIRED: usize = 12;

/// The characters of a prompt that a refusal shows.
const PROMPT: usize = 60;

type AnswersByPrompt = IndexMap<String, String>;

impl Guard {
    /// Refuses answers that the policy would refuse as commands, alone or one after the other.
    ///
    /// A password is hardly ever a command that a rule forbids. The allow list is applied only if the
    /// command is known to run its input. No answer is quoted.
    pub fn may_answer(&self, cmd: &str, answers: &AnswersByPrompt) -> Result<(), Error> {
        let telling = answers
            .iter()
            .filter(|(prompt, answer)| !is_harmless(prompt, answer));
        let (prompts, texts): (Vec<_>, Vec<_>) = telling.unzip();
        if texts.is_empty() {
            return Ok(());
        }
        let policy = self.policies.current()?;
        for (prompt, text) in prompts.iter().zip(&texts) {
            let judged = policy.judge_input(cmd, text);
            judged.map_err(|refusal| refused(&[prompt], refusal))?;
        }
        let together = together(&texts);
        let mut judged = together.iter().map(|text| policy.judge_input(cmd, text));
        judged
            .find_map(Result::err)
            .map_or(Ok(()), |refusal| Err(refused(&prompts, refusal)))
    }
}

/// Answers one after the other: all in their order, and each pair in either order.
fn together(texts: &[&String]) -> Vec<String> {
    let pair = |first: &&String| {
        let first = (*first).clone();
        texts.iter().map(move |second| format!("{first}\n{second}"))
    };
    let mut together: Vec<_> = match texts.len() {
        ..=PAIRED => texts.iter().flat_map(pair).collect(),
        _ => Vec::new(),
    };
    let all: Vec<_> = texts.iter().map(|text| text.as_str()).collect();
    together.push(all.join("\n"));
    together
}

/// The refusal, without the answers. After a prompt for a secret, the rule is left out too: it may be all of
/// the answer.
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
