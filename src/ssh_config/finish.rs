//! The last step of resolving a host: values are made of the directives.

use std::path::PathBuf;

use super::resolver::Resolver;
use super::tokens::{Facts, PROXY, USER};
use super::{Algorithms, SshHost, values};

impl Resolver<'_> {
    /// The host, with every value parsed and every token replaced.
    pub(super) fn finish(mut self) -> Result<SshHost, String> {
        let notes = std::mem::take(&mut self.notes);
        let settings = &self.settings;
        let user = self.full_user()?;
        let facts = Facts {
            user: user.clone(),
            ..self.facts()?
        };
        let flag = |name| settings.parsed(name, values::yes_no);
        let algorithms = |name| settings.made(name, |words| Ok(Algorithms::parse(&words[0])));
        let file = |text: &str| facts.path(text);
        let jumps = settings.jumps()?.into_iter();
        let jumps = jumps.map(|jump| jump.expanded(&facts));
        let proxy_jump = settings.made("proxyjump", |_| jumps.collect())?;
        let proxy_command = settings.made("proxycommand", |words| {
            Some(words[0].as_str())
                .filter(|command| !command.eq_ignore_ascii_case("none"))
                .map(|command| facts.expand(command, PROXY))
                .transpose()
        })?;
        let methods = [
            (
                "publickey",
                settings.parsed("pubkeyauthentication", values::pubkey)?,
            ),
            ("password", flag("passwordauthentication")?),
            (
                "keyboard-interactive",
                flag("kbdinteractiveauthentication")?,
            ),
        ];
        let disabled = methods
            .iter()
            .filter(|(_, allowed)| *allowed == Some(false));
        Ok(SshHost {
            host_name: facts.host_name.clone(),
            user,
            port: settings.parsed("port", values::port)?,
            identity_files: settings.each("identityfile", file)?,
            certificate_files: settings.each("certificatefile", file)?.unwrap_or_default(),
            identities_only: flag("identitiesonly")?.unwrap_or_default(),
            identity_agent: settings
                .made("identityagent", |words| values::agent(&words[0], &facts))?,
            proxy_jump: proxy_jump.unwrap_or_default(),
            proxy_command: proxy_command.flatten(),
            strict_host_key_checking: settings.parsed("stricthostkeychecking", values::strict)?,
            user_known_hosts_files: settings
                .made("userknownhostsfile", |words| files(words, file))?,
            global_known_hosts_files: settings.made("globalknownhostsfile", |words| {
                files(words, |text| facts.plain_path(text))
            })?,
            host_key_alias: facts.host_key_alias.clone(),
            host_key_algorithms: algorithms("hostkeyalgorithms")?,
            kex_algorithms: algorithms("kexalgorithms")?,
            ciphers: algorithms("ciphers")?,
            macs: algorithms("macs")?,
            preferred_authentications: settings.word("preferredauthentications").map(values::names),
            disabled_methods: disabled.map(|(name, _)| *name).collect(),
            connect_timeout: settings
                .parsed("connecttimeout", values::time_or_none)?
                .filter(|limit| !limit.is_zero()),
            server_alive_interval: settings.parsed("serveraliveinterval", values::time)?,
            server_alive_count_max: settings
                .parsed("serveralivecountmax", |text| text.parse().ok())?,
            address_family: settings.parsed("addressfamily", values::family)?,
            bind_address: settings.word("bindaddress").map(str::to_owned),
            notes,
        })
    }

    /// The user, with the tokens that `User` may hold; who was asked for is taken as they are.
    fn full_user(&self) -> Result<Option<String>, String> {
        if let Some(asked) = self.asked_user {
            return Ok(Some(asked.to_owned()));
        }
        let facts = self.facts()?;
        self.settings
            .made("user", |words| facts.expand(&words[0], USER))
    }
}

/// The files of a list, which may be `none`.
fn files(
    words: &[String],
    path: impl Fn(&str) -> Result<PathBuf, String>,
) -> Result<Vec<PathBuf>, String> {
    let is_none = |word: &String| word.eq_ignore_ascii_case("none");
    match words {
        [word] if is_none(word) => Ok(Vec::new()),
        words if words.iter().any(is_none) => Err("names files next to `none`".into()),
        words => words.iter().map(|word| path(word)).collect(),
    }
}
