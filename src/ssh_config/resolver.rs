//! Reading the files for one host.

use super::keywords::{Class, Shape, class_of};
use super::local::Local;
use super::settings::{Directive, Settings};
use super::source::{FileOrigin, LinePosition};
use super::tokens::{FILE, Facts, NAME};
use super::walk::{Visitor, unclosed, walk};
use super::words::Words;
use super::{ConfigFiles, SshHost, pattern, values};
use crate::host_key::DEFAULT_PORT;

/// Nobody reads more.
const MAX_NOTES: usize = 100;

/// See [`super::resolve`].
pub(super) fn resolve(
    files: &ConfigFiles,
    local: &Local,
    host: &str,
    user: Option<&str>,
    run: &dyn Fn(&str) -> bool,
) -> Result<SshHost, String> {
    // They may get into command lines, by `%h` and `%r`.
    if !values::is_host_name(host) {
        return Err(format!("`{host}` cannot be the name of a host"));
    }
    if let Some(user) = user.filter(|user| !values::is_user_name(user)) {
        return Err(format!("`{user}` cannot be the name of a user"));
    }
    let mut resolver = Resolver {
        files,
        local,
        asked: host,
        asked_user: user,
        run,
        settings: Settings::default(),
        final_name: None,
        wants_final: false,
        notes: Vec::new(),
    };
    walk(files, &mut resolver)?;
    resolver.final_name = Some(values::lower(&resolver.host_name()?));
    if resolver.wants_final {
        walk(files, &mut resolver)?;
    }
    resolver.finish()
}

/// The facts about the host that are known so far.
pub(super) struct Resolver<'a> {
    pub(super) files: &'a ConfigFiles,
    pub(super) local: &'a Local,
    pub(super) asked: &'a str,
    pub(super) asked_user: Option<&'a str>,
    pub(super) run: &'a dyn Fn(&str) -> bool,
    pub(super) settings: Settings,
    /// The name that the first reading led to. `Match final` asks for a second one.
    pub(super) final_name: Option<String>,
    pub(super) wants_final: bool,
    pub(super) notes: Vec<String>,
}

impl Visitor for Resolver<'_> {
    fn host(&mut self, patterns: &[String]) -> bool {
        let name = self.final_name.as_deref().unwrap_or(self.asked);
        pattern::any(patterns.iter().map(String::as_str), name)
    }

    fn conditions(&mut self, conditions: Words<'_>, place: &LinePosition) -> Result<bool, String> {
        self.all_hold(conditions, place)
    }

    fn directive(
        &mut self,
        keyword: &str,
        value: Words<'_>,
        place: &LinePosition,
    ) -> Result<(), String> {
        let Some((name, class)) = class_of(keyword) else {
            if !self.ignores(keyword) {
                self.add_note(format!(
                    "`{keyword}` in {place} is not known and was left out"
                ));
            }
            return Ok(());
        };
        let setting = |words| Directive {
            keyword: keyword.to_owned(),
            words,
            place: place.clone(),
        };
        let raw = value.raw().to_owned();
        match class {
            Class::Understood(shape) => {
                let words = match shape {
                    Shape::Line => vec![raw],
                    _ => value.all().map_err(unclosed(place))?,
                };
                if words.first().is_none_or(String::is_empty) {
                    return Err(format!("{place} has nothing after `{keyword}`"));
                }
                if words.len() > 1 && shape != Shape::Words {
                    return Err(format!("{place} has more than one value after `{keyword}`"));
                }
                self.understood(name, shape, setting(words))?;
            }
            Class::Matters | Class::MattersToUser => {
                let is_off = ["no", "none", "false", "off"]
                    .iter()
                    .any(|off| off.eq_ignore_ascii_case(&raw));
                let is_new = self.settings.add(name, Shape::Line, setting(vec![raw]));
                let is_told = class == Class::Matters || place.origin == FileOrigin::User;
                if is_new && is_told && !is_off {
                    self.add_note(format!(
                        "`{keyword}` in {place} is not supported and was left out"
                    ));
                }
            }
            Class::Alias(_) | Class::Harmless => {}
        }
        Ok(())
    }

    fn included(&mut self, path: &str, place: &LinePosition) -> Result<Option<String>, String> {
        if !path.contains(['%', '$']) {
            return Ok(Some(path.to_owned()));
        }
        let expanded = self.facts()?.expand(path, FILE);
        expanded
            .map(Some)
            .map_err(|reason| format!("`Include` in {place} {reason}"))
    }

    fn note(&mut self, note: String) {
        self.add_note(note);
    }
}

impl Resolver<'_> {
    fn understood(
        &mut self,
        name: &'static str,
        shape: Shape,
        mut setting: Directive,
    ) -> Result<(), String> {
        let is_idle = match name {
            "refuseconnection" => return Err(setting.wrong(&format!("says: {}", setting.words[0]))),
            // The name of the second reading is settled.
            "hostname" => self.final_name.is_some(),
            // Whichever stands first counts.
            "proxyjump" => {
                let list = Words::of(&setting.words[0]).word();
                let list = list.map_err(unclosed(&setting.place))?;
                setting.words = vec![list.unwrap_or_default()];
                self.settings.has("proxycommand")
            }
            "proxycommand" => {
                let jump = self.settings.word("proxyjump");
                jump.is_some_and(|jump| !jump.eq_ignore_ascii_case("none"))
            }
            _ => false,
        };
        if !is_idle {
            self.settings.add(name, shape, setting);
        }
        Ok(())
    }

    fn ignores(&self, keyword: &str) -> bool {
        let list = self.settings.word("ignoreunknown").unwrap_or_default();
        pattern::any_of(&list.to_ascii_lowercase(), &keyword.to_ascii_lowercase())
    }

    pub(super) fn add_note(&mut self, note: String) {
        // A second reading comes by the same lines.
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The user who was asked for, or whom the files name.
    pub(super) fn user(&self) -> Option<&str> {
        self.asked_user.or_else(|| self.settings.word("user"))
    }

    pub(super) fn host_name(&self) -> Result<String, String> {
        if let Some(name) = &self.final_name {
            return Ok(name.clone());
        }
        let facts = Facts::bare(self.local, &self.files.home, self.asked);
        let name = self
            .settings
            .made("hostname", |words| facts.expand(&words[0], NAME))?;
        Ok(name.unwrap_or_else(|| self.asked.to_owned()))
    }

    /// The values of the tokens, as far as they are known.
    pub(super) fn facts(&self) -> Result<Facts<'_>, String> {
        let port = self.settings.parsed("port", values::port)?;
        let alias = self.settings.word("hostkeyalias");
        let jump = self.settings.jumps()?.pop();
        Ok(Facts {
            host_name: self.host_name()?,
            port: port.unwrap_or(DEFAULT_PORT),
            user: self.user().map(str::to_owned),
            host_key_alias: alias.map(values::lower),
            jump_host: jump.map_or_else(String::new, |jump| jump.host),
            ..Facts::bare(self.local, &self.files.home, self.asked)
        })
    }
}
