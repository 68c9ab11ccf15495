//! The one-time link, the session that it opens, and the requests that are refused.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};

use crate::random;
use crate::sync::lock;

/// The path of the link.
pub(super) const LOGIN: &str = "/login";

/// The time for which the link works.
const LINK_LIFE: Duration = Duration::from_secs(600);
/// The time for which a session lasts.
const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
/// The wrong tokens after which the link works no more.
const MOST_FAILURES: u32 = 10;

/// A refusal: the status, and what the person can do.
pub(super) type RequestRefusal = (StatusCode, String);

/// The link, and the one session that it opens.
pub(super) struct PageAccess {
    port: u16,
    began: Instant,
    state: Mutex<AccessState>,
}

struct AccessState {
    /// The link's token, until it is used.
    token: Option<String>,
    failures: u32,
    session: Option<(String, Instant)>,
}

impl PageAccess {
    pub(super) fn new(port: u16) -> Self {
        let state = AccessState {
            token: Some(random::hex::<32>()),
            failures: 0,
            session: None,
        };
        Self {
            port,
            began: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// The link, for the person alone.
    pub(super) fn link(&self) -> String {
        let token = self.state().token.clone().unwrap_or_default();
        format!("http://127.0.0.1:{}{LOGIN}?token={token}", self.port)
    }

    /// Uses the link up, and returns the cookie of the session.
    ///
    /// It is sent back by this page alone: no script reads it, and no other site's request carries it.
    pub(super) fn log_in(&self, token: &str) -> Option<String> {
        let mut state = self.state();
        let known = state.token.take()?;
        if self.began.elapsed() > LINK_LIFE {
            return None;
        }
        if !is_same(&known, token) {
            state.failures += 1;
            state.token = Some(known).filter(|_| state.failures < MOST_FAILURES);
            return None;
        }
        let session = random::hex::<32>();
        let cookie = format!(
            "{}={session}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie_name()
        );
        state.session = Some((session, Instant::now()));
        Some(cookie)
    }

    /// The reason to refuse a request, if there is one.
    ///
    /// The name in `Host` defeats sites whose name was pointed at this machine (DNS rebinding); `Sec-Fetch-Site` and
    /// `Origin` those that send requests from elsewhere (CSRF), another port of this machine included.
    pub(super) fn refusal(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<RequestRefusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(HOST.as_str()).unwrap_or_default();
        let hosts = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port));
        if !hosts.iter().any(|known| known == host) {
            let told = format!("this page is at http://{}", hosts[0]);
            return Some((StatusCode::MISDIRECTED_REQUEST, told));
        }
        if path == LOGIN && method == Method::GET {
            return None;
        }
        let is_from_elsewhere = text("sec-fetch-site")
            .is_some_and(|site| site != "same-origin" && !(site == "none" && path == "/"));
        let origin = text(ORIGIN.as_str());
        let is_foreign = match origin {
            Some(origin) => origin != format!("http://{host}"),
            // Browsers name the origin of whatever is not a plain reading.
            None => method != Method::GET,
        };
        if is_from_elsewhere || is_foreign {
            let told = "this request comes from another page".to_owned();
            return Some((StatusCode::FORBIDDEN, told));
        }
        if !self.has_session(headers) {
            let told = "open the link that `mcp-sftp-orchestrator web` has printed, or run it again: \
                the link works once";
            return Some((StatusCode::FORBIDDEN, told.to_owned()));
        }
        None
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let state = self.state();
        let Some((session, since)) = &state.session else {
            return false;
        };
        let name = self.cookie_name();
        let cookies = headers.get_all(COOKIE).iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';'));
        since.elapsed() < SESSION_LIFE
            && pairs.any(|pair| match pair.trim().split_once('=') {
                Some((one, value)) => one == name && is_same(session, value),
                None => false,
            })
    }

    /// Cookies are shared by all ports of a host, so that each port has a name of its own.
    fn cookie_name(&self) -> String {
        format!("orchestrator-{}", self.port)
    }

    fn state(&self) -> MutexGuard<'_, AccessState> {
        lock(&self.state)
    }
}

/// Compares in a time that does not tell how much is right.
fn is_same(known: &str, given: &str) -> bool {
    verify_slices_are_equal(known.as_bytes(), given.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(access: &PageAccess) -> String {
        let link = access.link();
        link.split_once("token=").unwrap().1.to_owned()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_link_works_once() {
        let access = PageAccess::new(80);
        let token = token(&access);
        assert_eq!(access.log_in("wrong"), None);
        let cookie = access.log_in(&token).unwrap();
        assert!(
            cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
            "{cookie}"
        );
        assert_eq!(access.log_in(&token), None);
    }

    #[test]
    fn the_link_is_not_guessed_at() {
        let access = PageAccess::new(80);
        let token = token(&access);
        for _ in 0..MOST_FAILURES {
            assert_eq!(access.log_in("wrong"), None);
        }
        assert_eq!(access.log_in(&token), None);
    }

    #[test]
    fn only_this_page_s_requests_pass() {
        let access = PageAccess::new(80);
        let cookie = access.log_in(&token(&access)).unwrap();
        let cookie = cookie.split(';').next().unwrap();
        let own = ("host", "127.0.0.1:80");
        let origin = ("origin", "http://127.0.0.1:80");
        for (method, path, given, passes) in [
            (Method::GET, "/", vec![own, ("cookie", cookie)], true),
            (
                Method::GET,
                "/",
                vec![own, ("cookie", cookie), ("sec-fetch-site", "none")],
                true,
            ),
            (
                Method::GET,
                "/login",
                vec![own, ("sec-fetch-site", "cross-site")],
                true,
            ),
            (
                Method::POST,
                "/api/held",
                vec![own, origin, ("cookie", cookie)],
                true,
            ),
            (Method::GET, "/", vec![own], false),
            (
                Method::GET,
                "/",
                vec![own, ("cookie", "orchestrator-80=x")],
                false,
            ),
            (
                Method::GET,
                "/",
                vec![("host", "evil.example:80"), ("cookie", cookie)],
                false,
            ),
            (
                Method::GET,
                "/login",
                vec![("host", "evil.example:80")],
                false,
            ),
            (Method::GET, "/", vec![("cookie", cookie)], false),
            (
                Method::GET,
                "/api/state",
                vec![own, ("cookie", cookie), ("sec-fetch-site", "none")],
                false,
            ),
            (
                Method::GET,
                "/",
                vec![own, ("cookie", cookie), ("sec-fetch-site", "same-site")],
                false,
            ),
            (
                Method::POST,
                "/api/held",
                vec![own, ("cookie", cookie)],
                false,
            ),
            (Method::POST, "/login", vec![own], false),
            (
                Method::POST,
                "/api/held",
                vec![own, ("origin", "http://127.0.0.1:81"), ("cookie", cookie)],
                false,
            ),
            (
                Method::POST,
                "/api/held",
                vec![own, ("origin", "null"), ("cookie", cookie)],
                false,
            ),
        ] {
            let refusal = access.refusal(&method, path, &headers(&given));
            assert_eq!(
                refusal.is_none(),
                passes,
                "{method} {path} {given:?}: {refusal:?}"
            );
        }
    }
}
