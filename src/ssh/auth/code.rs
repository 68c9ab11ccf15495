//! One-time codes (RFC 6238). A server accepts each once, so every login gets one of its own, whichever
//! process makes it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tokio::time::sleep;
use totp_rs::{Builder, Totp};

use crate::error::Error;
use crate::fs::blocking;
use crate::hex::digits;
use crate::secret::Secret;
use crate::ssh::connection::notices::LoginNotices;
use crate::store::Document;

/// Name of the document of used time steps, by a name for each secret that does not disclose it.
pub(in crate::ssh) const TOTP_STEPS: &str = "totp.json";

/// Time steps that a code may lie ahead: a clock that was set back must not hold up logins.
const MOST_AHEAD: u64 = 3;

/// Number of codes from which a secret's name is made.
const TELLING: u64 = 8;

type Used = BTreeMap<String, u64>;

/// A code that was not used before. Waits for its time; the error is the rest of a sentence.
pub(super) async fn fresh(
    secret: &Secret,
    steps: &Document,
    notices: &LoginNotices,
) -> Result<String, String> {
    let totp =
        totp(secret.expose()).ok_or("the TOTP secret is neither base32 nor an otpauth address")?;
    notices.mark_costly();
    let period = totp.step().max(1);
    let now = since_epoch()?.as_secs() / period;
    let (name, steps) = (name(&totp), steps.clone());
    let reserved = blocking(move || steps.update(|used: &mut Used| reserve(used, name, now)));
    let step = match reserved.await {
        Ok(step) => step.ok_or("too many logins want a one-time code at the same time")?,
        Err(error) => {
            tracing::warn!("a one-time code may be used twice: {error}");
            now
        }
    };
    let begin = Duration::from_secs(step * period);
    while let Some(wait) = begin
        .checked_sub(since_epoch()?)
        .filter(|wait| !wait.is_zero())
    {
        let seconds = wait.as_secs() + 1;
        notices.wait_for(format!("the next one-time code comes in {seconds} s"));
        sleep(wait.min(Duration::from_secs(period))).await;
    }
    notices.go_on();
    Ok(totp.generate(step * period).to_string())
}

/// Reserves the first time step that was not used; `None` if it lies too far ahead.
fn reserve(used: &mut Used, name: String, now: u64) -> Option<u64> {
    let next = match used.get(&name) {
        // The clock was far ahead when this step was used.
        Some(last) if *last > now + 2 * MOST_AHEAD => now,
        Some(last) => now.max(last + 1),
        None => now,
    };
    if next > now + MOST_AHEAD {
        return None;
    }
    used.insert(name, next);
    Some(next)
}

fn since_epoch() -> Result<Duration, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_err(|_| "the clock is before 1970".to_owned())
}

/// The name of a secret, the same for every spelling of it.
fn name(totp: &Totp) -> String {
    let codes = (0..TELLING).map(|step| totp.generate(step * totp.step()).to_string());
    let codes: String = codes.collect();
    digits(&Sha256::digest(codes))[..16].to_owned()
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

/// Refuses a secret that no code can be made from.
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

    const FORMS: [&str; 3] = [
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
        "otpauth://totp/a:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=a",
    ];

    /// RFC 6238, appendix B: the secret is "12345678901234567890", six of the eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for secret in FORMS {
            let totp = totp(secret).unwrap();
            assert_eq!(totp.generate(59).to_string(), "287082", "{secret}");
            assert_eq!(totp.generate(1_111_111_109).to_string(), "081804");
        }
        assert!(totp("not base 32!").is_none());
    }

    #[test]
    fn a_secret_has_one_name_that_does_not_tell_it() {
        let [first, second, third] = FORMS.map(|form| name(&totp(form).unwrap()));
        assert!(first == second && second == third);
        assert_ne!(first, name(&totp("GEZDGNBVGY3TQOJR").unwrap()));
    }

    #[test]
    fn no_step_is_given_twice_and_none_far_ahead() {
        let mut used = Used::new();
        let mut next = |now| reserve(&mut used, "a".to_owned(), now);
        assert_eq!(
            [next(10), next(10), next(10)],
            [Some(10), Some(11), Some(12)]
        );
        assert_eq!([next(10), next(10), next(10)], [Some(13), None, None]);
        assert_eq!(
            [next(11), next(20), next(20)],
            [Some(14), Some(20), Some(21)]
        );
        // A clock that was far ahead.
        assert_eq!([next(3), next(3)], [Some(3), Some(4)]);
    }
}
