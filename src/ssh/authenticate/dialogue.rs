//! Keyboard-interactive login (RFC 4256): the server asks, and the password or a one-time code answers.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use regex::Regex;
use russh::client::{KeyboardInteractiveAuthResponse as Answer, Prompt};
use totp_rs::{Builder, Totp};

use super::{Login, Step, Stop};
use crate::error::Error;
use crate::secret::Secret;

/// A server asks a handful of times at most; one that never ends is left.
const MOST_ROUNDS: usize = 8;

/// Prompts that want a one-time code (RFC 6238).
static ASKS_FOR_CODE: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)\b(otp|totp|2fa|mfa|token)\b|one-?time|authenticator|(verification|security|auth\w*) code|\bcode\b|passcode";
    Regex::new(words).expect("the expression is correct")
});

/// Prompts that want another password in the place of the one that is known.
static WANTS_NEW: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)\b(new|retype|re-?enter|repeat|again)\b.*\bpass(word|code|phrase)\b";
    Regex::new(words).expect("the expression is correct")
});

/// What prompts can be answered with.
pub(super) struct Answers {
    pub(super) password: Option<Secret>,
    pub(super) totp: Option<Secret>,
}

impl Answers {
    pub(super) fn are_any(&self) -> bool {
        self.password.is_some() || self.totp.is_some()
    }

    /// The answer to a prompt; the error is the rest of a sentence. A prompt that shows what is typed
    /// wants no password.
    fn to(&self, prompt: &Prompt) -> Result<String, String> {
        let asked = prompt.prompt.trim();
        let wants_code = ASKS_FOR_CODE.is_match(asked);
        match (&self.password, &self.totp) {
            (_, Some(totp)) if wants_code || self.password.is_none() => code(totp),
            (Some(password), _) if !wants_code && !prompt.echo => Ok(password.expose().to_owned()),
            _ => Err(format!(
                "it asks `{asked}`, and nothing is configured for that"
            )),
        }
    }
}

/// Answers the server's questions.
pub(super) async fn hold(login: &mut Login<'_>, answers: &Answers) -> Result<Step, Stop> {
    login.tried.push("keyboard-interactive");
    let user = login.target.server.user.clone();
    let mut answer = login
        .handle
        .authenticate_keyboard_interactive_start(&user, None::<String>)
        .await?;
    for _ in 0..MOST_ROUNDS {
        let prompts = match answer {
            Answer::Success => return Ok(Step::Done),
            Answer::Failure {
                remaining_methods,
                partial_success,
            } => {
                return login
                    .answer(remaining_methods.to_vec(), partial_success)
                    .await;
            }
            Answer::InfoRequest {
                instructions,
                prompts,
                ..
            } => {
                let asks = |prompt: &&Prompt| WANTS_NEW.is_match(&prompt.prompt);
                if let Some(prompt) = prompts.iter().find(asks) {
                    let words = [instructions.trim(), prompt.prompt.trim()].join(" ");
                    return Err(Stop::Error(login.expired(words.trim())));
                }
                prompts
            }
        };
        let responses: Result<Vec<_>, _> =
            prompts.iter().map(|prompt| answers.to(prompt)).collect();
        let responses = match responses {
            Ok(responses) => responses,
            Err(problem) => {
                login.unusable.push(problem);
                return Ok(Step::Refused);
            }
        };
        answer = login
            .handle
            .authenticate_keyboard_interactive_respond(responses)
            .await?;
    }
    login.unusable.push("it does not stop asking".to_owned());
    Ok(Step::Refused)
}

/// The code of this moment.
fn code(secret: &Secret) -> Result<String, String> {
    let totp =
        totp(secret.expose()).ok_or("the TOTP secret is neither base32 nor an otpauth address")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_err(|_| "the clock is before 1970")?;
    Ok(totp.generate(now.as_secs()).to_string())
}

fn totp(secret: &str) -> Option<Totp> {
    if secret.starts_with("otpauth://") {
        return Totp::from_url_unchecked(secret).ok();
    }
    // As sites show it: in groups, in either case, padded or not.
    let bare: String = secret
        .chars()
        .filter(|character| !character.is_whitespace() && *character != '=')
        .map(|character| character.to_ascii_uppercase())
        .collect();
    let secret = totp_rs::Secret::try_from_base32(bare).ok()?;
    Some(Builder::new().with_secret(secret).build_noncompliant())
}

/// Refuses what no code can be made from.
pub fn check_totp(secret: &str) -> Result<(), Error> {
    totp(secret).map(|_| ()).ok_or_else(|| {
        Error::invalid(
            "totpSecret",
            "is neither base32 nor an otpauth://totp/ address",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the secret is "12345678901234567890", six of the eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for secret in [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "otpauth://totp/a:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=a",
        ] {
            let totp = totp(secret).unwrap();
            assert_eq!(totp.generate(59).to_string(), "287082", "{secret}");
            assert_eq!(totp.generate(1_111_111_109).to_string(), "081804");
        }
        assert!(totp("not base 32!").is_none());
    }

    #[test]
    fn each_prompt_gets_what_it_asks_for() {
        let answers = Answers {
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
        let only_password = Answers {
            totp: None,
            ..answers
        };
        let asked = only_password.to(&Prompt {
            prompt: "Verification code:".to_owned(),
            echo: false,
        });
        assert!(asked.unwrap_err().contains("Verification code"));
    }
}
