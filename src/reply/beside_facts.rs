//! Texts beside structured content: whole where one of the two is short, since some clients show both.

use rmcp::model::{CallToolResult, ContentBlock};

use crate::text::{fits, fitting_start};

/// The most bytes of JSON that are sent in both forms.
const MOST_TWICE: usize = 1024;
/// The bytes that the last line of a shortened text takes.
const LAST_LINE: usize = 160;

/// Leaves out the last lines of a long text where the structured content is long, too.
pub fn shorten_text_beside_facts(result: &mut CallToolResult) {
    let Some(facts) = &result.structured_content else {
        return;
    };
    if let Some(ContentBlock::Text(first)) = result.content.first_mut()
        && !fits(&first.text, MOST_TWICE)
        && facts.to_string().len() > MOST_TWICE
    {
        let end = fitting_start(first.text.as_bytes(), MOST_TWICE - LAST_LINE, false);
        let left_out = first.text[end..].lines().count();
        first.text.truncate(end);
        let rest = format!(
            "… {left_out} more lines, which the structured content has. To see them as text ask for less, or have MCP_STRUCTURED=never set."
        );
        first.text.push_str(&rest);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shortened(text: &str, facts: &str) -> String {
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(json!({ "facts": facts }));
        shorten_text_beside_facts(&mut result);
        let ContentBlock::Text(text) = result.content.remove(0) else {
            unreachable!()
        };
        text.text
    }

    #[test]
    fn a_text_is_cut_at_a_line_s_end_beside_long_facts_alone() {
        let long = "a line of 20 bytes\n".repeat(100);
        assert_eq!(shortened(&long, "short"), long);
        let short = "a line\n".repeat(100);
        assert_eq!(shortened(&short, &long), short);
        let cut = shortened(&long, &long);
        assert!(fits(&cut, MOST_TWICE) && cut.len() > 900, "{cut}");
        let (lines, last) = cut.split_once('…').unwrap();
        let left = lines.matches("a line of 20 bytes\n").count();
        assert!(long.starts_with(lines));
        assert!(
            last.starts_with(&format!(" {} more lines,", 100 - left)),
            "{last}"
        );
    }
}
