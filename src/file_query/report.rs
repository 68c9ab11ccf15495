//! The findings of a query, in words.

/// The findings of a query.
#[derive(Debug, Default)]
pub struct FileReport {
    /// The first line: what it is about.
    pub heading: String,
    /// Further lines that say what to know.
    pub notes: Vec<String>,
    /// The text below them.
    pub text: String,
    /// The SHA-256 of the whole file.
    pub sha256: Option<String>,
}

/// Puts a call on a line, as a caller may repeat it: a tool's name, and its arguments after the alias.
pub(super) fn call(tool: &str, alias: &str, arguments: &impl serde::Serialize) -> String {
    let arguments = serde_json::to_value(arguments).unwrap_or_default();
    let mut all = serde_json::Map::new();
    all.insert("alias".to_owned(), alias.into());
    if let serde_json::Value::Object(arguments) = arguments {
        all.extend(arguments);
    }
    format!("{tool} {}", serde_json::Value::Object(all))
}
