//! A client's configuration file, of which one entry is changed and the rest stays as it is written.

mod json;
mod toml;

use serde_json::{Map, Value};

/// The language of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Strict JSON (RFC 8259).
    Json,
    /// JSON with comments and trailing commas.
    JsonWithComments,
    /// TOML.
    Toml,
}

/// Returns a JSON text with these items in a list: the one of the second name, in the object of the first. Items that
/// are there already are not added again, and all else stays as it is.
pub fn with_items(text: &str, keys: [&str; 2], items: &[String]) -> Result<String, String> {
    let (mark, text) = split_mark(text);
    Ok(mark.to_owned() + &json::with_items(text, keys, items)?)
}

/// Returns a JSON text without these items in such a list, but for those that the text before had. A list that is empty
/// then, and was not there before, goes too.
pub fn without_items(
    text: &str,
    before: &str,
    keys: [&str; 2],
    items: &[String],
) -> Result<String, String> {
    let (mark, text) = split_mark(text);
    let before = json::lenient_value(split_mark(before).1)?;
    Ok(mark.to_owned() + &json::without_items(text, &before, keys, items)?)
}

/// A change to an entry.
#[derive(Clone, Copy, Debug)]
pub enum Edit<'a> {
    /// Sets these fields, and keeps the others.
    Put(&'a Map<String, Value>),
    /// Sets these fields, and removes the others.
    Replace(&'a Map<String, Value>),
    /// Removes the entry.
    Remove {
        /// Set if the object that holds the servers is removed too, once it is empty.
        with_servers: bool,
    },
}

/// The byte order mark that some editors write before UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The byte order mark of a text, if it has one, and the rest.
fn split_mark(text: &str) -> (&'static str, &str) {
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (BYTE_ORDER_MARK, rest),
        None => ("", text),
    }
}

/// A parsed configuration.
#[derive(Debug)]
pub struct ConfigDocument {
    format: Format,
    mark: &'static str,
    text: String,
    value: Value,
}

impl ConfigDocument {
    /// Parses a text; white space alone is an empty configuration. The error names the problem and its line.
    pub fn parse(format: Format, text: &str) -> Result<Self, String> {
        let (mark, text) = split_mark(text);
        let value = match format {
            Format::Json => json::strict_value(text)?,
            Format::JsonWithComments => json::lenient_value(text)?,
            Format::Toml => toml::value(text)?,
        };
        if !value.is_object() {
            return Err("it is not an object as a whole".to_owned());
        }
        Ok(Self {
            format,
            mark,
            text: text.to_owned(),
            value,
        })
    }

    /// The content.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The servers under this key, if there are any.
    pub fn servers(&self, key: &str) -> Result<Option<&Map<String, Value>>, String> {
        match self.value.get(key) {
            None => Ok(None),
            Some(Value::Object(servers)) => Ok(Some(servers)),
            Some(_) => Err(format!("`{key}` in it is not an object")),
        }
    }

    /// Returns the text with one entry changed. The result is parsed again to make sure that nothing else is.
    pub fn edited(&self, servers: &str, name: &str, edit: Edit<'_>) -> Result<String, String> {
        let text = match self.format {
            Format::Json | Format::JsonWithComments => {
                json::edited(&self.text, servers, name, edit)
            }
            Format::Toml => toml::edited(&self.text, servers, name, edit),
        }?;
        let mut expected = self.value.clone();
        apply(&mut expected, servers, name, edit);
        drop_if_empty(&mut expected, servers);
        let mut edited = Self::parse(self.format, &text)?.value;
        drop_if_empty(&mut edited, servers);
        if edited == expected {
            Ok(format!("{}{text}", self.mark))
        } else {
            // For example a key that occurs twice.
            Err(format!("`{name}` in it cannot be changed alone"))
        }
    }
}

/// TOML does not say that there are no servers.
fn drop_if_empty(value: &mut Value, key: &str) {
    if let Value::Object(top) = value
        && top
            .get(key)
            .is_some_and(|servers| *servers == Value::Object(Map::new()))
    {
        top.shift_remove(key);
    }
}

/// Applies an edit to the parsed content.
fn apply(value: &mut Value, key: &str, name: &str, edit: Edit<'_>) {
    let Value::Object(top) = value else { return };
    let servers = top.entry(key).or_insert_with(|| Map::new().into());
    let Value::Object(servers) = servers else {
        return;
    };
    match edit {
        Edit::Put(fields) => {
            let entry = servers.entry(name).or_insert_with(|| Map::new().into());
            merge(entry, fields);
        }
        Edit::Replace(fields) => {
            servers.insert(name.to_owned(), fields.clone().into());
        }
        Edit::Remove { .. } => {
            servers.shift_remove(name);
        }
    }
}

fn merge(value: &mut Value, fields: &Map<String, Value>) {
    let Value::Object(present) = value else {
        return;
    };
    for (key, new) in fields {
        match (present.get_mut(key), new) {
            (Some(old @ Value::Object(_)), Value::Object(fields)) => merge(old, fields),
            _ => {
                present.insert(key.clone(), new.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(format: Format, text: &str) -> Result<String, String> {
        let fields = json!({"command": "/p", "args": [], "env": {"A": "b"}});
        let fields = fields.as_object().unwrap();
        ConfigDocument::parse(format, text)?.edited("servers", "own", Edit::Put(fields))
    }

    /// Adds an entry and removes it again, after which the text is as before.
    #[test]
    fn an_entry_comes_and_goes() {
        use Format::{Json, JsonWithComments, Toml};
        for (format, text) in [
            (Json, "{\"servers\": {\"a\": {}}}"),
            (Json, "{\n\t\"servers\": {\n\t\t\"a\": 1\n\t}\n}"),
            (JsonWithComments, "// nothing yet\n"),
            (
                JsonWithComments,
                "{ // one\n  \"servers\": { /* two */ }, // three\n}\n// four",
            ),
            (JsonWithComments, "{\"servers\": {\"a\": 1, // last\n}}"),
            (Toml, "servers = { a = { command = \"x\" } } # here\n"),
            (Toml, "[servers]\na.command = \"x\" # here\n\n[z]\nb = 1"),
            (
                Toml,
                "x = \"\"\"a\r\nb\"\"\"\r\n[servers.a]\r\n[z]\r\n# end",
            ),
            (
                Toml,
                "[[list]]\na = 1979-05-27T07:32:00Z\n[[list]]\na = inf\n",
            ),
        ] {
            let edited = put(format, text).unwrap();
            let document = ConfigDocument::parse(format, &edited).unwrap();
            assert_eq!(
                document.value()["servers"]["own"]["env"]["A"],
                "b",
                "{edited}"
            );
            let had_servers = ConfigDocument::parse(format, text).unwrap();
            let had_servers = had_servers.value().get("servers").is_some();
            let edit = Edit::Remove {
                with_servers: !had_servers,
            };
            let again = document.edited("servers", "own", edit).unwrap();
            let words = |text: &str| {
                let is_kept = |letter: &char| !letter.is_whitespace() && *letter != ',';
                let all: String = text.chars().filter(is_kept).collect();
                all.trim_end_matches("{}").to_owned()
            };
            assert_eq!(words(&again), words(text), "{edited}");
            let comments = |text: &str| text.matches(['#', '/', '*']).count();
            assert!(comments(&edited) >= comments(text), "{edited}");
        }
    }

    #[test]
    fn an_entry_is_changed_where_it_differs_and_nowhere_else() {
        for (format, text, changed) in [
            (
                Format::JsonWithComments,
                "{\"servers\": {\"own\": {\n  \"args\": [ ], // none\n  \"command\": \"/old\", // mine\n  \"env\": { \"A\":\"b\", \"C\": 1 }\n}}}",
                "{\"servers\": {\"own\": {\n  \"args\": [ ], // none\n  \"command\": \"/p\", // mine\n  \"env\": { \"A\":\"b\", \"C\": 1 }\n}}}",
            ),
            (
                Format::Toml,
                "[servers.own] # mine\r\ncommand = '/old'\r\nargs = [ ] # none\r\nenv = {A = 'b'}\r\n",
                "[servers.own] # mine\r\ncommand = \"/p\"\r\nargs = [ ] # none\r\nenv = {A = 'b'}\r\n",
            ),
        ] {
            assert_eq!(put(format, text).unwrap(), changed);
            assert_eq!(put(format, changed).unwrap(), changed);
        }
    }

    #[test]
    fn comments_stay_with_what_they_are_about() {
        let above = "[servers.a]\nurl = 1\n# enabled = false\n";
        let next = "\n# about z\n[z]\nb = 1\n";
        let own = "\n[servers.own]\ncommand = \"/p\"\nargs = []\nenv = { A = \"b\" }\n";
        let text = [above, next].concat();
        assert_eq!(
            put(Format::Toml, &text).unwrap(),
            [above, own, next].concat()
        );
        assert_eq!(put(Format::Toml, above).unwrap(), [above, own].concat());

        let text = [above, "# mine\n", own, next].concat();
        let document = ConfigDocument::parse(Format::Toml, &text).unwrap();
        let edit = Edit::Remove { with_servers: true };
        let after = document.edited("servers", "own", edit).unwrap();
        assert_eq!(after, [above, "# mine\n", next].concat());

        let old = "# by npx\n[servers.own] # here\n# why\ncommand = \"npx\" # pinned\nargs = [\"x\"] # them\n\n[servers.own.env]\n# where\nA = \"b\"\n";
        let text = [above, "\n", old, next].concat();
        let taken = put(Format::Toml, &text).unwrap();
        let expected = text.replace("\"npx\"", "\"/p\"").replace("[\"x\"]", "[]");
        assert_eq!(taken, expected);
        let before = ConfigDocument::parse(Format::Toml, &text).unwrap();
        let before = before.value()["servers"]["own"]
            .as_object()
            .unwrap()
            .clone();
        let changed = taken.replace("A = \"b\"", "A = \"b\"\nNEW = \"c\"");
        let changed = ConfigDocument::parse(Format::Toml, &changed).unwrap();
        let given_back = changed.edited("servers", "own", Edit::Replace(&before));
        assert_eq!(given_back.unwrap(), text);
    }

    #[test]
    fn what_is_no_configuration_is_said() {
        for (format, text, reason) in [
            (Format::Json, "{} // no", "line 1"),
            (Format::JsonWithComments, "{\"a\" 1}", "line 1"),
            (Format::JsonWithComments, "[]", "not an object"),
            (Format::Toml, "a = \"s3cret\n", "line 1"),
            (Format::Toml, "servers = 1", "not a table"),
            (
                Format::Json,
                "{\"servers\": {}, \"servers\": {}}",
                "cannot be changed alone",
            ),
            (Format::JsonWithComments, &"[".repeat(100_000), ""),
            (Format::Toml, &format!("a = {}", "[".repeat(100_000)), ""),
        ] {
            let problem = put(format, text).unwrap_err();
            assert!(
                problem.contains(reason) && !problem.contains("s3cret"),
                "{problem}"
            );
        }
    }
}
