//! The request of a health check, with its credentials.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Url};

use crate::error::Error;
use crate::secret::{LONGEST, MASK, remember, remember_in, shown_address};
use crate::store::apis::{self, Api};

const AGENT: &str = concat!("mcp-sftp-orchestrator/", env!("CARGO_PKG_VERSION"));

/// A request for an API's health. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct HealthRequest {
    pub(super) method: Method,
    /// Without user and password: they are among the headers.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// True if the address had a user or password.
    has_credentials: bool,
}

impl HealthRequest {
    /// The request for an address.
    pub fn get(url: &str) -> Result<Self, Error> {
        let mut url = parse(url)?;
        let mut headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(AGENT))]);
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if has_credentials {
            let password = url.password().unwrap_or_default();
            // A message may quote the address with the password as it stands there.
            remember(password);
            headers.insert(
                AUTHORIZATION,
                basic(&decoded(url.username()), &decoded(password))?,
            );
            let bare = url.set_username("").and_then(|()| url.set_password(None));
            bare.map_err(|()| Error::invalid("url", "has no host"))?;
        }
        remember_in(url.query().unwrap_or_default());
        Ok(Self {
            method: Method::GET,
            url,
            headers,
            has_credentials,
        })
    }

    /// The request for an API's health as its entry says. An error names the parameter of `api_add`
    /// that is at fault.
    pub fn of(api: &Api) -> Result<Self, Error> {
        let mut request = Self::get(&api.address())?;
        if let Some(endpoint) = api.endpoint() {
            request.go_to(&endpoint)?;
        }
        request.method = match api.health_check_method {
            apis::Method::Get => Method::GET,
            apis::Method::Post => Method::POST,
        };
        let absent = |name: &str| {
            Error::invalid(name, "is missing, and this auth_method shows it to the API")
        };
        if api.auth_method.has_password() {
            let user = api
                .htpasswd_user
                .as_ref()
                .ok_or_else(|| absent("htpasswd_user"))?;
            let password = api
                .htpasswd_pass
                .as_ref()
                .ok_or_else(|| absent("htpasswd_pass"))?;
            request
                .headers
                .insert(AUTHORIZATION, basic(user, password.expose())?);
        }
        if api.auth_method.has_key() {
            let key = api.api_key.as_ref().ok_or_else(|| absent("api_key"))?;
            let name = HeaderName::try_from(&api.auth_header_name)
                .map_err(|_| Error::invalid("auth_header_name", "is not the name of a header"))?;
            if name == AUTHORIZATION && api.auth_method.has_password() {
                return Err(Error::invalid(
                    "auth_header_name",
                    "is Authorization, which user and password need; name the header that takes the key",
                ));
            }
            let value = match api.auth_scheme.as_str() {
                "" => key.expose().to_owned(),
                scheme => format!("{scheme} {}", key.expose()),
            };
            request.headers.insert(name, sensitive(&value, "api_key")?);
        }
        Ok(request)
    }

    /// Appends a path, and takes over its query.
    fn go_to(&mut self, endpoint: &str) -> Result<(), Error> {
        if endpoint.len() > LONGEST {
            return Err(too_long("health_check_endpoint"));
        }
        let (path, query) = match endpoint.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (endpoint, None),
        };
        if path.contains('#') {
            return Err(Error::invalid(
                "health_check_endpoint",
                "has a #, which is never sent",
            ));
        }
        let base = self.url.path().trim_end_matches('/');
        let path = format!("{base}/{}", path.trim_start_matches('/'));
        self.url.set_path(&path);
        if let Some(query) = query {
            remember_in(query);
            self.url.set_query(Some(query));
        }
        Ok(())
    }

    /// The address as it may be shown.
    pub(super) fn shown_url(&self) -> String {
        let mut url = self.url.clone();
        if self.has_credentials {
            // It had a user, so it can have one.
            let _ = url.set_username(MASK);
        }
        shown_address(url.as_str())
    }
}

/// An address with its secrets masked; all of it if it is no address.
pub(super) fn shown_url(url: &str) -> String {
    HealthRequest::get(url).map_or_else(|_| MASK.to_owned(), |request| request.shown_url())
}

fn parse(url: &str) -> Result<Url, Error> {
    if url.len() > LONGEST {
        return Err(too_long("url"));
    }
    // The parser would silently drop them.
    if url.chars().any(char::is_control) {
        return Err(Error::invalid("url", "holds a control character"));
    }
    let parsed = Url::parse(url)
        .map_err(|error| Error::invalid("url", format!("is not an address: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(Error::invalid(
            "url",
            "begins with neither http:// nor https://",
        ));
    }
    Ok(parsed)
}

/// The error for a text that is longer than any secret may be.
fn too_long(parameter: &str) -> Error {
    Error::invalid(parameter, format!("has more than {LONGEST} bytes"))
}

/// A part of an address with its percent encoding decoded.
fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part)
        .decode_utf8_lossy()
        .into_owned()
}

/// The value of an `Authorization` header with user and password (RFC 7617).
fn basic(user: &str, password: &str) -> Result<HeaderValue, Error> {
    if user.len() > LONGEST {
        return Err(too_long("htpasswd_user"));
    }
    let credentials = format!("{user}:{password}");
    remember(&credentials);
    let credentials = BASE64_STANDARD.encode(credentials);
    sensitive(&format!("Basic {credentials}"), "htpasswd_user")
}

fn sensitive(value: &str, parameter: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| Error::invalid(parameter, "holds what a header cannot carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::store::apis::AuthMethod;

    fn api(url: &str, endpoint: Option<&str>) -> Api {
        Api {
            url: url.to_owned(),
            url_credentials: None,
            url_query: None,
            endpoint_query: None,
            health_check_endpoint: endpoint.map(ToOwned::to_owned),
            health_check_method: apis::Method::Get,
            auth_method: AuthMethod::None,
            api_key: Some(Secret::from("KEY")),
            auth_header_name: apis::default_header(),
            auth_scheme: apis::default_scheme(),
            htpasswd_user: Some("user".to_owned()),
            htpasswd_pass: Some(Secret::from("pass")),
            notes: None,
        }
    }

    #[test]
    fn the_endpoint_follows_the_address() {
        for (url, endpoint, whole) in [
            ("https://h", None, "https://h/"),
            ("https://h", Some("/health"), "https://h/health"),
            ("https://h/", Some("health"), "https://h/health"),
            (
                "https://h/v1/",
                Some("/health?deep=1"),
                "https://h/v1/health?deep=1",
            ),
            (
                "http://h:8080/v1?key=1",
                Some("/up"),
                "http://h:8080/v1/up?key=1",
            ),
            ("http://[::1]:80/", Some("//evil"), "http://[::1]/evil"),
        ] {
            let request = HealthRequest::of(&api(url, endpoint)).unwrap();
            assert_eq!(request.url.as_str(), whole);
        }
        for wrong in ["ftp://h", "h", "", "https://", "https://h\n/"] {
            assert!(HealthRequest::get(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_shown_is_what_was_chosen() {
        let shown = |method, name: &str, scheme: &str| {
            let mut api = api("https://h", None);
            api.auth_method = method;
            name.clone_into(&mut api.auth_header_name);
            scheme.clone_into(&mut api.auth_scheme);
            HealthRequest::of(&api).map(|request| {
                let value =
                    |name: &str| Some(request.headers.get(name)?.to_str().unwrap().to_owned());
                (value("authorization"), value("x-api-key"))
            })
        };
        let text = |text: &str| Some(text.to_owned());
        let basic = "Basic dXNlcjpwYXNz";
        assert_eq!(
            shown(AuthMethod::None, "X-API-Key", "").unwrap(),
            (None, None)
        );
        assert_eq!(
            shown(AuthMethod::ApiKey, "Authorization", "Bearer").unwrap(),
            (text("Bearer KEY"), None)
        );
        assert_eq!(
            shown(AuthMethod::ApiKey, "X-API-Key", "").unwrap(),
            (None, text("KEY"))
        );
        assert_eq!(
            shown(AuthMethod::Htpasswd, "X", "").unwrap(),
            (text(basic), None)
        );
        assert_eq!(
            shown(AuthMethod::Both, "X-API-Key", "").unwrap(),
            (text(basic), text("KEY"))
        );
        assert!(shown(AuthMethod::Both, "authorization", "Bearer").is_err());
        assert!(shown(AuthMethod::ApiKey, "a\nb", "").is_err());
        assert!(shown(AuthMethod::ApiKey, "X", "a\r\nb").is_err());
    }

    #[test]
    fn a_password_in_the_address_is_sent_and_not_shown() {
        let request = HealthRequest::get("https://user:pa%73s@h/x").unwrap();
        assert_eq!(request.headers[AUTHORIZATION], "Basic dXNlcjpwYXNz");
        assert_eq!(request.shown_url(), "https://***@h/x");
        let request =
            HealthRequest::of(&api("https://h/x?token=abc", Some("/up?api_key=d"))).unwrap();
        assert_eq!(request.url.as_str(), "https://h/x/up?api_key=d");
        assert_eq!(request.shown_url(), "https://h/x/up?api_key=***");
        assert!(!format!("{request:?}").contains("dXNl"));
    }
}
