//! Keyboard-interactive login (RFC 4256): the server's prompts, answered with the configured answers, the
//! password or a one-time code.

use std::sync::LazyLock;

use regex::Regex;
use russh::client::{KeyboardInteractiveAuthResponse as Answer, Prompt};

use super::{AuthFailure, LoginAttempt, MethodOutcome, code};
use crate::error::Error;
use crate::secret::Secret;
use crate::ssh::connection::notices::plain;
use crate::ssh::prompt::PromptAnswer;

/// Most rounds of prompts; a server has a handful at most.
const MOST_ROUNDS: usize = 8;

/// Prompts that want a one-time code (RFC 6238).
static ASKS_FOR_CODE: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)\b(otp|totp|2fa|mfa|token)\b|one-?time|authenticator|(verification|security|auth\w*) code|\bcode\b|passcode";
    Regex::new(words).expect("the expression is correct")
});

/// Prompts that want the password changed.
static WANTS_NEW: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)\b(new|retype)\b.*\bpass(word|phrase)\b";
    Regex::new(words).expect("the expression is correct")
});

/// A prompt and its answer, as the user has configured them (`loginResponses`).
pub(super) struct ConfiguredResponse {
    prompt: PromptAnswer,
    answer: Secret,
}

impl ConfiguredResponse {
    /// `None` if the prompt is no valid expression.
    pub(super) fn new(prompt: &str, answer: Secret) -> Option<Self> {
        let prompt = PromptAnswer::new(prompt, "").ok()?;
        Some(Self { prompt, answer })
    }
}

/// The answers to prompts.
pub(super) struct PromptAnswers {
    pub(super) responses: Vec<ConfiguredResponse>,
    pub(super) password: Option<Secret>,
    pub(super) totp: Option<Secret>,
    /// The one-time code for the present prompts.
    pub(super) code: Option<String>,
}

impl PromptAnswers {
    pub(super) fn are_any(&self) -> bool {
        self.password.is_some() || self.totp.is_some() || !self.responses.is_empty()
    }

    /// The answer to a prompt; the error is the rest of a sentence. A prompt that echoes its answer wants
    /// no password.
    fn to(&self, prompt: &Prompt) -> Result<String, String> {
        let asked = prompt.prompt.trim();
        if let Some(response) = self.response(asked) {
            return Ok(response.answer.expose().to_owned());
        }
        match (&self.password, &self.code) {
            (_, Some(code)) if self.wants_code(prompt) => Ok(code.clone()),
            (Some(password), _) if !ASKS_FOR_CODE.is_match(asked) && !prompt.echo => {
                Ok(password.expose().to_owned())
            }
            _ => Err(format!(
                "it asks `{}`, and nothing is configured for that; loginResponses may answer it",
                plain(asked)
            )),
        }
    }

    /// Returns whether a one-time code answers a prompt: it asks for one, or there is no password.
    fn wants_code(&self, prompt: &Prompt) -> bool {
        let asked = prompt.prompt.trim();
        let may = self.password.is_none() || ASKS_FOR_CODE.is_match(asked);
        self.totp.is_some() && may && self.response(asked).is_none()
    }

    /// Returns whether a prompt wants the password changed, and has no configured answer.
    fn is_to_change(&self, prompt: &Prompt) -> bool {
        let asked = prompt.prompt.trim();
        let is_code = ASKS_FOR_CODE.is_match(asked);
        WANTS_NEW.is_match(asked) && !is_code && self.response(asked).is_none()
    }

    fn response(&self, prompt: &str) -> Option<&ConfiguredResponse> {
        let mut responses = self.responses.iter();
        responses.find(|response| response.prompt.fits(prompt))
    }

    /// The notice after a configured answer, on which a person may have to act elsewhere.
    fn awaited(&self, prompt: &Prompt) -> Option<String> {
        let prompt = prompt.prompt.trim();
        self.response(prompt)?;
        let prompt = plain(prompt);
        Some(format!(
            "`{prompt}` was answered, and the server has not said yes or no"
        ))
    }
}

/// Answers the server's prompts.
pub(super) async fn answer_prompts(
    login: &mut LoginAttempt<'_>,
    answers: &mut PromptAnswers,
) -> Result<MethodOutcome, AuthFailure> {
    login.tried.push("keyboard-interactive");
    let user = login.target.server.user.clone();
    let mut answer = login
        .handle
        .authenticate_keyboard_interactive_start(&user, None::<String>)
        .await?;
    for _ in 0..MOST_ROUNDS {
        let prompts = match answer {
            Answer::Success => return Ok(MethodOutcome::Done),
            Answer::Failure {
                remaining_methods,
                partial_success,
            } => {
                return login
                    .record_failure(remaining_methods.to_vec(), partial_success)
                    .await;
            }
            Answer::InfoRequest {
                name,
                instructions,
                prompts,
            } => {
                login.notices.add(&name);
                login.notices.add(&instructions);
                if let Some(prompt) = prompts.iter().find(|prompt| answers.is_to_change(prompt)) {
                    let words = [instructions.trim(), prompt.prompt.trim()].join(" ");
                    return Err(AuthFailure::Error(login.expired(words.trim())));
                }
                prompts
            }
        };
        let wants_code = prompts.iter().any(|prompt| answers.wants_code(prompt));
        let mut responses = Ok(Vec::new());
        if let Some(totp) = answers.totp.as_ref().filter(|_| wants_code) {
            match code::fresh(totp, login.totp_steps, login.notices).await {
                Ok(code) => answers.code = Some(code),
                Err(problem) => responses = Err(problem),
            }
        }
        if responses.is_ok() {
            responses = prompts.iter().map(|prompt| answers.to(prompt)).collect();
        }
        let responses = match responses {
            Ok(responses) => responses,
            Err(problem) => {
                login.unusable.push(problem);
                login.has_open_question = true;
                return Ok(MethodOutcome::Refused);
            }
        };
        if let Some(awaited) = prompts.iter().find_map(|prompt| answers.awaited(prompt)) {
            login.notices.wait_for(awaited);
        }
        answer = login
            .handle
            .authenticate_keyboard_interactive_respond(responses)
            .await?;
        login.notices.go_on();
    }
    login.unusable.push("it does not stop asking".to_owned());
    login.has_open_question = true;
    Ok(MethodOutcome::Refused)
}

/// Refuses a prompt that is empty or no valid expression.
pub fn check_prompt(prompt: &str) -> Result<(), Error> {
    let problem = if prompt.trim().is_empty() {
        "has an empty prompt".to_owned()
    } else {
        match PromptAnswer::new(prompt, "") {
            Ok(_) => return Ok(()),
            Err(error) => format!("has a prompt that is no regular expression: {error}"),
        }
    };
    Err(Error::invalid("loginResponses", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_prompt_gets_what_it_asks_for() {
        let answers = PromptAnswers {
            responses: Vec::new(),
            code: Some("123456".to_owned()),
            password: Some(Secret::from("hunter2")),
            totp: Some(Secret::from("GEZDGNBVGY3TQOJQ")),
        };
        let ask = |prompt: &str, echo| {
            answers.to(&Prompt {
                prompt: prompt.to_owned(),
                echo,
            })
        };
        assert_eq!(ask("Password: ", false).unwrap(), "hunter2");
        for prompt in [
            "Verification code: ",
            "OTP:",
            "One-time password (OATH) for `u': ",
        ] {
            assert_eq!(ask(prompt, false).unwrap().len(), 6, "{prompt}");
        }
        assert!(ask("Favourite colour? ", true).is_err());
        for (asked, is_to_change) in [
            ("New password: ", true),
            ("Retype new UNIX password:", true),
            ("Enter your new passphrase:", true),
            ("LoginAttempt incorrect, try again. Password:", false),
            ("Enter a new one-time password:", false),
            ("(current) UNIX password:", false),
        ] {
            let prompt = asked.to_owned();
            let prompt = Prompt {
                prompt,
                echo: false,
            };
            assert_eq!(answers.is_to_change(&prompt), is_to_change, "{asked}");
        }
        let only_password = PromptAnswers {
            totp: None,
            code: None,
            ..answers
        };
        let asked = only_password.to(&Prompt {
            prompt: "Verification code:".to_owned(),
            echo: false,
        });
        assert!(asked.unwrap_err().contains("Verification code"));
    }
}
