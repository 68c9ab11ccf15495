//! Texts for a model, where settings leave out some of the tools that they name.

use crate::tools::Tools;

/// The tools that a text names and that are not listed, each once.
pub(super) fn missing_in<'t>(tools: &Tools, text: &'t str) -> Vec<&'t str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut missing: Vec<&str> = Vec::new();
    for word in text.split(|character| !is_part(character)) {
        let is_missing = tools.declaration(word).is_some() && !tools.is_listed(word);
        if is_missing && !missing.contains(&word) {
            missing.push(word);
        }
    }
    missing
}

/// The text without the sentences that name such a tool.
pub(super) fn without_missing(tools: &Tools, text: &str) -> String {
    let paragraphs = text.trim_end().split("\n\n").map(|paragraph| {
        let sentences = paragraph.split_inclusive(". ");
        let whole = sentences.filter(|sentence| missing_in(tools, sentence).is_empty());
        whole.collect::<String>().trim_end().to_owned()
    });
    let paragraphs: Vec<_> = paragraphs
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    paragraphs.join("\n\n")
}

/// The text, and a last line that names such tools.
pub(super) fn with_missing_named(tools: &Tools, text: String) -> String {
    let missing = missing_in(tools, &text);
    if missing.is_empty() {
        return text;
    }
    let missing = missing.join(", ");
    format!(
        "{text}\n\nNot offered here: {missing}. Do without them, and say what you could not do."
    )
}
