//! The keys of a terminal, and the bytes that they send (xterm, `ctlseqs`).

/// A key, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalKey {
    /// The bytes that it sends.
    plain: String,
    /// Those that it sends to a program that has asked for the application's cursor keys.
    application: Option<String>,
}

/// Keys that send the same to every program.
const PLAIN: &[(&str, &str)] = &[
    ("enter", "\r"),
    ("tab", "\t"),
    ("esc", "\x1b"),
    ("space", " "),
    ("backspace", "\x7f"),
    ("shift-tab", "\x1b[Z"),
    ("insert", "\x1b[2~"),
    ("delete", "\x1b[3~"),
    ("pgup", "\x1b[5~"),
    ("pgdn", "\x1b[6~"),
    ("f1", "\x1bOP"),
    ("f2", "\x1bOQ"),
    ("f3", "\x1bOR"),
    ("f4", "\x1bOS"),
    ("f5", "\x1b[15~"),
    ("f6", "\x1b[17~"),
    ("f7", "\x1b[18~"),
    ("f8", "\x1b[19~"),
    ("f9", "\x1b[20~"),
    ("f10", "\x1b[21~"),
    ("f11", "\x1b[23~"),
    ("f12", "\x1b[24~"),
];

/// Keys that send `ESC O` and this letter to some programs, and `ESC [` and it to others.
const CURSOR: &[(&str, char)] = &[
    ("up", 'A'),
    ("down", 'B'),
    ("right", 'C'),
    ("left", 'D'),
    ("end", 'F'),
    ("home", 'H'),
];

/// Other names that people use.
const ALIASES: &[(&str, &str)] = &[
    ("return", "enter"),
    ("escape", "esc"),
    ("pageup", "pgup"),
    ("pagedown", "pgdn"),
    ("del", "delete"),
    ("ins", "insert"),
    ("control-", "ctrl-"),
    ("c-", "ctrl-"),
    ("^", "ctrl-"),
    ("meta-", "alt-"),
];

impl TerminalKey {
    /// The names of keys, for a refusal.
    pub const NAMES: &'static str = "enter, tab, shift-tab, esc, space, backspace, delete, insert, up, down, left, right, home, end, pgup, pgdn, f1 to f12, ctrl-a to ctrl-z, ctrl-\\, ctrl-], alt- and a letter";

    /// The key with this name, in upper or lower case.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase().replace(['_', '+'], "-");
        let mut aliases = ALIASES.iter();
        let renamed = aliases.find_map(|(alias, known)| {
            let rest = name.strip_prefix(alias)?;
            (alias.ends_with(['-', '^']) || rest.is_empty()).then(|| format!("{known}{rest}"))
        });
        let name = renamed.unwrap_or(name);
        if let Some((_, letter)) = CURSOR.iter().find(|(known, _)| *known == name) {
            return Some(Self {
                plain: format!("\x1b[{letter}"),
                application: Some(format!("\x1bO{letter}")),
            });
        }
        let known = PLAIN.iter().find(|(known, _)| *known == name);
        let plain = match known {
            Some((_, bytes)) => (*bytes).to_owned(),
            None => with_modifier(&name)?,
        };
        Some(Self {
            plain,
            application: None,
        })
    }

    /// The bytes that it sends to a program.
    pub fn bytes(&self, is_application: bool) -> &str {
        match &self.application {
            Some(bytes) if is_application => bytes,
            _ => &self.plain,
        }
    }

    /// Returns whether it ends a line.
    pub fn ends_line(&self) -> bool {
        self.plain == "\r"
    }
}

/// The bytes that a letter with Ctrl or Alt sends: Ctrl takes its three highest bits away, Alt puts an escape before it.
fn with_modifier(name: &str) -> Option<String> {
    let only = |text: &str| {
        let mut characters = text.chars();
        let first = characters.next().filter(char::is_ascii_graphic)?;
        characters.next().is_none().then_some(first)
    };
    if let Some(letter) = name.strip_prefix("ctrl-") {
        let code = match only(letter).or_else(|| (letter == "space").then_some('@'))? {
            letter @ 'a'..='z' => letter.to_ascii_uppercase() as u8 ^ 0x40,
            sign @ ('@' | '[' | '\\' | ']' | '^' | '_') => sign as u8 ^ 0x40,
            _ => return None,
        };
        return Some(char::from(code).to_string());
    }
    only(name.strip_prefix("alt-")?).map(|letter| format!("\x1b{letter}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_send_what_a_terminal_sends() {
        for (name, bytes) in [
            ("Enter", "\r"),
            ("return", "\r"),
            ("ctrl-c", "\x03"),
            ("Ctrl+C", "\x03"),
            ("^D", "\x04"),
            ("ctrl-\\", "\x1c"),
            ("control-z", "\x1a"),
            ("up", "\x1b[A"),
            ("PgDn", "\x1b[6~"),
            ("f12", "\x1b[24~"),
            ("alt-b", "\x1bb"),
            ("escape", "\x1b"),
            ("ctrl-space", "\0"),
        ] {
            assert_eq!(
                TerminalKey::named(name).unwrap().bytes(false),
                bytes,
                "{name}"
            );
        }
        assert_eq!(TerminalKey::named("up").unwrap().bytes(true), "\x1bOA");
        for name in ["", "x", "ctrl-", "ctrl-ä", "f13", "ctrl-cc", "alt-"] {
            assert_eq!(TerminalKey::named(name), None, "{name}");
        }
    }
}
