//! Masks the secrets in web addresses.

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::{MASK, remember};
use crate::web_address::WebAddress;

/// Parts of parameter names that mark a secret, in lower-case letters.
const PARTS: &[&str] = &[
    "token",
    "secret",
    "passw",
    "passphrase",
    "apikey",
    "accesskey",
    "authkey",
    "appkey",
    "privatekey",
    "functionskey",
    "subscriptionkey",
    "signature",
    "credential",
    "jwt",
    "bearer",
    "sessionid",
];
/// Whole parameter names that mark a secret.
const NAMES: &[&str] = &[
    "auth",
    "authorization",
    "code",
    "key",
    "otp",
    "pass",
    "pin",
    "pw",
    "pwd",
    "session",
    "sid",
    "sig",
];

/// A shorter value occurs in too many texts by chance to be masked in all of them.
const FEW: usize = 8;

/// Masks user, password and the values of secret parameters in an address. An address that cannot be
/// parsed is masked as a whole.
pub fn shown_address(address: &str) -> String {
    let Some(parts) = WebAddress::parse(address) else {
        return without_secrets(address);
    };
    if Url::parse(address).is_err() {
        return MASK.to_owned();
    }
    let credentials = parts
        .credentials
        .map_or(String::new(), |_| format!("{MASK}@"));
    let rest = without_secrets(parts.rest);
    format!(
        "{}://{credentials}{}{rest}",
        parts.scheme, parts.host_and_port
    )
}

/// Masks a login before a host, if there is more in it than a user: a password, or parameters of an address.
/// `None` if the host may be shown as it is.
pub fn masked_host(host: &str) -> Option<String> {
    let (login, host) = host.rsplit_once('@')?;
    let (_, login) = login.split_once("://").unwrap_or(("", login));
    login.contains([':', ';']).then(|| format!("{MASK}@{host}"))
}

/// Says whether a query has a secret parameter.
pub fn has_secret(query: &str) -> bool {
    secrets(query).next().is_some()
}

/// Has the secrets of a query masked from now on, save those that could be ordinary words.
pub fn remember_in(query: &str) {
    for (_, value) in secrets(query) {
        let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
        if value.len() >= FEW && has_digit {
            remember(value);
        }
    }
}

/// Characters between parameters.
const SEPARATORS: [char; 4] = ['?', '&', ';', '#'];

/// The secret parameters of a query: name and value.
fn secrets(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parameters = query.split(SEPARATORS);
    let parameters = parameters.filter_map(|parameter| parameter.split_once('='));
    parameters.filter(|(name, value)| is_secret(name) && !value.is_empty())
}

/// Masks the secret parameters of a path, query and fragment.
fn without_secrets(path: &str) -> String {
    let parts = path.split_inclusive(SEPARATORS).map(|part| {
        let (parameter, separator) = match part.strip_suffix(SEPARATORS) {
            Some(parameter) => part.split_at(parameter.len()),
            None => (part, ""),
        };
        match parameter.split_once('=') {
            Some((name, value)) if is_secret(name) && !value.is_empty() => {
                format!("{name}={MASK}{separator}")
            }
            _ => part.to_owned(),
        }
    });
    parts.collect()
}

fn is_secret(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy();
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    NAMES.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_addresses_are_not_shown() {
        for (address, shown) in [
            ("https://h/x@y", "https://h/x@y"),
            ("https://u@h:80", "https://***@h:80"),
            ("https://u:p@h/a?b=c@d", "https://***@h/a?b=c@d"),
            ("https://u:p/q@h", "***"),
            ("https://h/?token=a&b=c", "https://h/?token=***&b=c"),
            (
                "https://h?b=c&Access_Token=a%26b",
                "https://h?b=c&Access_Token=***",
            ),
            (
                "https://h/a?X-Api-Key=a;sig=b#x",
                "https://h/a?X-Api-Key=***;sig=***#x",
            ),
            (
                "https://h/#access_token=a&state=b",
                "https://h/#access_token=***&state=b",
            ),
            (
                "https://h/?a%70ikey=x&X-Amz-Signature=y",
                "https://h/?a%70ikey=***&X-Amz-Signature=***",
            ),
            (
                "https://h/?token=&sort_key=name&q=a=b",
                "https://h/?token=&sort_key=name&q=a=b",
            ),
            ("/health?deep=1&api_key=x", "/health?deep=1&api_key=***"),
            ("health", "health"),
        ] {
            assert_eq!(shown_address(address), shown);
            let has_query = address
                .split_once('?')
                .is_some_and(|(_, query)| has_secret(query));
            let is_masked = shown
                .split_once('?')
                .is_some_and(|(_, query)| query.contains(MASK));
            assert_eq!(has_query, is_masked, "{address}");
        }
    }

    #[test]
    fn a_password_before_a_host_is_masked() {
        for (host, shown) in [
            ("ssh://root:secret@web1", Some("***@web1")),
            ("root:p@ss@web1:22", Some("***@web1:22")),
            ("ssh://root@web1:22", None),
            ("[::1]:22", None),
        ] {
            assert_eq!(masked_host(host).as_deref(), shown, "{host}");
        }
    }
}
