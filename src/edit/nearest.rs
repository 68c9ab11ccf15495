//! The lines of a content that resemble a text most, for somebody who has it wrong.

use super::style::TextStyle;
use crate::error::NearestLine;
use crate::text::beginning;

/// Most places that are named.
const PLACES: usize = 3;
/// Most lines of each.
const LINES: usize = 5;
/// Most bytes of a line that are shown.
const SHOWN: usize = 200;
/// Most bytes of a line that are compared.
const COMPARED: usize = 1000;
/// The least resemblance, of 1.
const LEAST: f64 = 0.5;

/// The set of all pairs of neighbouring bytes in a line.
struct Pairs {
    bits: Vec<u64>,
    count: usize,
}

impl Pairs {
    fn of(line: &[u8]) -> Self {
        let mut pairs = Self {
            bits: vec![0; (1 << 16) / 64],
            count: 0,
        };
        for pair in line.windows(2) {
            let (word, bit) = place(pair);
            pairs.count += usize::from(pairs.bits[word] & bit == 0);
            pairs.bits[word] |= bit;
        }
        pairs
    }

    /// The share of pairs that a line has in common with this one: 1 for the same line.
    #[expect(clippy::cast_precision_loss, reason = "lines are short")]
    fn resemblance(&self, line: &[u8]) -> f64 {
        let all = line.len().saturating_sub(1);
        let common = line.windows(2).filter(|pair| {
            let (word, bit) = place(pair);
            self.bits[word] & bit != 0
        });
        let common = common.count().min(self.count);
        (2 * common) as f64 / (all + self.count).max(1) as f64
    }
}

fn place(pair: &[u8]) -> (usize, u64) {
    let number = usize::from(pair[0]) << 8 | usize::from(pair[1]);
    (number / 64, 1 << (number % 64))
}

fn compared(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    &line[..line.len().min(COMPARED)]
}

/// The lines of `content` that resemble `text` most, where some do. The longest line of `text` decides;
/// those around it are shown with it.
pub(super) fn nearest(content: &[u8], style: TextStyle, text: &str) -> Vec<NearestLine> {
    let wanted: Vec<&str> = text.trim_matches(['\r', '\n']).split('\n').collect();
    let longest = wanted
        .iter()
        .enumerate()
        .max_by_key(|(_, line)| line.trim().len());
    let Some((before, line)) = longest else {
        return Vec::new();
    };
    let encoded = style.charset.encode(line);
    let pairs = Pairs::of(compared(&encoded));
    let mut best: Vec<(f64, usize)> = Vec::new();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let resemblance = pairs.resemblance(compared(line));
        if resemblance >= LEAST {
            best.push((resemblance, index));
            best.sort_by(|one, other| other.0.total_cmp(&one.0));
            best.truncate(PLACES);
        }
    }
    let mut numbers: Vec<usize> = best
        .iter()
        .flat_map(|(_, index)| {
            let start = index.saturating_sub(before.min(LINES / 2));
            start..start + wanted.len().min(LINES)
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    lines(content, style, &numbers)
}

fn lines(content: &[u8], style: TextStyle, numbers: &[usize]) -> Vec<NearestLine> {
    let lines = content.split(|byte| *byte == b'\n').enumerate();
    let named = lines.filter(|(index, _)| numbers.binary_search(index).is_ok());
    let shown = named.map(|(index, line)| {
        let line = style.decode(line.strip_suffix(b"\r").unwrap_or(line));
        NearestLine {
            line: index + 1,
            text: beginning(&line, SHOWN).into_owned(),
        }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content: &str, text: &str) -> Vec<usize> {
        let style = TextStyle::of(content.as_bytes());
        let lines = nearest(content.as_bytes(), style, text).into_iter();
        lines.map(|nearest| nearest.line).collect()
    }

    #[test]
    fn lines_that_differ_in_little_are_found_with_those_around_them() {
        let content = "server {\n    listen 80;\n    server_name example.org;\n}\n";
        assert_eq!(found(content, "server_name  example.com;"), [3]);
        assert_eq!(
            found(content, "listen 80;\nserver_name example.com;\n"),
            [2, 3]
        );
        assert_eq!(found(content, "nothing like it"), [0; 0]);
        assert_eq!(found("", "a"), [0; 0]);
    }
}
