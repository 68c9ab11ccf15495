//! Input that a terminal shows, and prompts among output: neither is output.

use super::dialect::Dialect;
use super::rest::LearntPrompts;

/// The sign that fish prints behind output without an end of its line.
const FISH_END: char = '⏎';

/// The most characters of a prompt that is recognised by the input behind it.
const LONGEST_PROMPT: usize = 60;

/// Removes the lines that show what was typed. In a program's dialogue each stands behind its prompt; fish shows
/// each, and indents some.
pub(super) fn without_echo(
    text: &str,
    typed: &str,
    prompts: &LearntPrompts,
    dialect: Dialect,
) -> String {
    let typed: Vec<_> = typed.lines().map(str::trim_end).collect();
    let is_echo = |number: usize, shown: &str, index: usize| {
        let line = typed[index];
        if dialect == Dialect::Fish {
            return !line.is_empty() && shown.trim() == line.trim_start();
        }
        shown.strip_suffix(line).is_some_and(|before| match before {
            // Of several lines, a terminal shows each before any output.
            "" => number == index,
            before => prompts.knows(before) || is_like_prompt(before, line),
        })
    };
    let (mut next, mut kept) = (0, String::with_capacity(text.len()));
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let shown = line.trim_end();
        match (next..typed.len()).find(|index| is_echo(number, shown, *index)) {
            Some(index) => next = index + 1,
            None => kept.push_str(line),
        }
    }
    match kept.trim_end().strip_suffix(FISH_END) {
        Some(rest) if dialect == Dialect::Fish => rest.to_owned(),
        _ => kept,
    }
}

/// Removes the prompts at the beginning of lines: a program prints one for each line that it is given, and nobody
/// ends the line behind it where the terminal does not show what is typed.
pub(super) fn without_prompts(text: &str, prompts: &LearntPrompts) -> String {
    let lines = text.split_inclusive('\n');
    let lines = lines.map(|line| after_prompts(line, prompts));
    let output: String = lines
        .filter(|line| !prompts.knows(line) || line.trim().is_empty())
        .collect();
    output.trim_start_matches(['\r', '\n']).to_owned()
}

/// The last one of several prompts in one line.
pub(super) fn last_prompt<'l>(line: &'l str, prompts: &LearntPrompts) -> &'l str {
    let rest = after_prompts(line, prompts);
    let word = line.trim_end().rfind(' ').map_or(0, |space| space + 1);
    let last = &line[word..];
    if rest.trim().is_empty() || prompts.knows(last) {
        last
    } else {
        rest
    }
}

fn after_prompts<'l>(mut line: &'l str, prompts: &LearntPrompts) -> &'l str {
    while let Some((word, rest)) = line.split_once(' ')
        && (prompts.knows(word) || is_bare(word))
    {
        line = rest;
    }
    line
}

/// Returns whether a word consists of a prompt's signs alone.
fn is_bare(word: &str) -> bool {
    matches!(word, ">>>" | "..." | ">" | "->")
}

/// Returns whether the text before a line that was typed may be a prompt.
fn is_like_prompt(before: &str, line: &str) -> bool {
    let end = before.trim_end();
    if line.is_empty() {
        return is_bare(end);
    }
    before.chars().count() <= LONGEST_PROMPT
        && end.ends_with(|end: char| !end.is_alphanumeric() && end != '\'' && end != '"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_no_output() {
        let mut prompts = LearntPrompts::default();
        prompts.learn(">>> ");
        for (text, typed, kept) in [
            ("1+1\n2\n", "1+1\n", "2\n"),
            ("2\n", "1+1\n", "2\n"),
            ("x = 1\n>>> print(x)\n1\n", "x = 1\nprint(x)\n", "1\n"),
            (
                "for i in [1]:\n...   i\n... \n1\n",
                "for i in [1]:\n  i\n\n",
                "1\n",
            ),
            ("echo\n", "echo echo\n", "echo\n"),
            ("\nshop-# 1;\n 1\n", "secret\n1;\n", "\n 1\n"),
        ] {
            let found = without_echo(text, typed, &prompts, Dialect::Other);
            assert_eq!(found, kept, "{text:?}");
        }
        let (text, typed) = ("if true\n    printf a\nend\na⏎", "if true\nprintf a\nend\n");
        let found = without_echo(text, typed, &LearntPrompts::default(), Dialect::Fish);
        assert_eq!(found, "a");
    }

    #[test]
    fn prompts_without_an_end_of_their_line_are_no_output() {
        let mut prompts = LearntPrompts::default();
        prompts.learn("shop=# ");
        let text = "\n... ... 0\n1\nshop=#\nshop=# >>> é\n";
        assert_eq!(without_prompts(text, &prompts), "0\n1\né\n");
        assert_eq!(last_prompt("... ... >>> ", &prompts), ">>> ");
        assert_eq!(last_prompt("shop-# shop=# ", &prompts), "shop=# ");
        assert_eq!(last_prompt("shop=# Name: ", &prompts), "Name: ");
    }
}
