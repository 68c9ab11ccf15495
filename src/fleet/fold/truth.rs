//! The truth of folded answers: each server's output can be had from the text again.

use std::collections::BTreeMap;

use super::tests::{ID, failed, succeeded, unreachable};
use super::*;
use crate::text::json_length;

/// Numbers that look random, and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % bound
    }

    fn output(&mut self, alias: &str) -> String {
        let words = [
            "up",
            "down",
            alias,
            "1",
            "2",
            "",
            "a longer line of words",
            "--- x ---",
            "+",
            "{1}",
        ];
        let lines = (0..self.below(12)).map(|_| words[self.below(words.len())]);
        let mut text = lines.collect::<Vec<_>>().join("\n");
        if self.below(2) == 0 {
            // Few forms, so that groups come about.
            text = ["up 1 day, load 0.5", "a\nb\nc\nd\ne\nf\ng", ""][self.below(3)].to_owned();
            if self.below(4) == 0 {
                text = text.replace('d', alias);
            }
        }
        text
    }

    fn reports(&mut self) -> Vec<ChildReport> {
        (0..=self.below(30))
            .map(|number| {
                let alias = format!("{}{number}", ["web", "db-"][self.below(2)]);
                let output = self.output(&alias);
                match self.below(6) {
                    0 => failed(&alias, ["exit status 1", "killed"][self.below(2)], &output),
                    1 => unreachable(&alias, &format!("no route to {alias}")),
                    _ => succeeded(&alias, &output),
                }
            })
            .collect()
    }
}

/// The aliases that a list stands for.
fn expand(list: &str) -> Vec<String> {
    let items = list
        .split(", ")
        .flat_map(|item| match item.split_once('…') {
            None => vec![item.to_owned()],
            Some((first, end)) => {
                let stem = first.trim_end_matches(|one: char| one.is_ascii_digit());
                let number = |alias: &str| alias[stem.len()..].parse::<usize>().unwrap();
                (number(first)..=number(end))
                    .map(|number| format!("{stem}{number}"))
                    .collect()
            }
        });
    items.collect()
}

/// The text that differs from `base` as a diff says.
fn patched(base: &str, diff: &str) -> String {
    let base: Vec<_> = base.split_inclusive('\n').collect();
    let (mut text, mut at) = (String::new(), 0);
    for line in diff.lines() {
        if let Some(range) = line.strip_prefix("@@ -") {
            let (start, count) = range
                .split(' ')
                .next()
                .unwrap()
                .split_once(',')
                .unwrap_or((range, "1"));
            let start: usize = start.split(' ').next().unwrap().parse().unwrap();
            let start = if count == "0" { start } else { start - 1 };
            text.extend(base[at..start].iter().copied());
            at = start;
        } else {
            let (sign, line) = line.split_at(1);
            at += usize::from(sign != "+");
            if sign != "-" {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text.extend(base[at..].iter().copied());
    text.trim_end_matches('\n').to_owned()
}

/// The output of each server, as a folded answer tells it.
fn told(text: &str) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let mut add = |names: &str, output: &str| {
        for alias in expand(names) {
            let output = output.replace("{alias}", &alias);
            let before = told.insert(alias.clone(), output);
            assert!(before.is_none(), "{alias} is told twice: {text}");
        }
    };
    let end = format!(" (task {ID}) ---");
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line
            .strip_prefix("--- ")
            .and_then(|line| line.strip_suffix(&end))
        {
            sections.push((title, Vec::new()));
        } else if let Some((_, body)) = sections.last_mut() {
            body.push(line);
        } else {
            let names = line.split(": ").nth(1).unwrap();
            if line.contains(" unreachable: ") {
                add(names, "unreachable");
            }
        }
    }
    let mut base = String::new();
    for (title, body) in sections {
        let title = title.split(", with {").next().unwrap();
        let output = match body.join("\n") {
            none if none == "(no output)" => String::new(),
            output => output,
        };
        if title.starts_with("in a line each") || title.starts_with("all of one form") {
            let forms = body
                .iter()
                .take_while(|line| !line.starts_with("web") && !line.starts_with("db-"));
            let form = forms.copied().collect::<Vec<_>>();
            for row in &body[form.len()..] {
                let (names, cells) = row.split_once("  ").unwrap();
                let names = names.split(" (").next().unwrap();
                let cells = cells.trim_start();
                if form.is_empty() {
                    add(names, if cells == "(no output)" { "" } else { cells });
                } else {
                    let cells = cells.split_whitespace().enumerate();
                    let output = cells.fold(form.join("\n"), |output, (index, cell)| {
                        output.replace(&format!("{{{}}}", index + 1), cell)
                    });
                    add(names, &output);
                }
            }
        } else if let Some(names) = title.strip_prefix("output of ") {
            add(names, &output);
        } else if let Some((names, _)) = title.split_once(" other than ") {
            add(names, &patched(&base, &output));
        } else {
            let names = title.rsplit(": ").next().unwrap();
            if base.is_empty() {
                base.clone_from(&output);
            }
            add(names, &output);
        }
    }
    told
}

#[test]
fn each_server_s_output_can_be_told_from_the_text() {
    let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
    for round in 0..2000 {
        let reports = numbers.reports();
        let text = fold(ID, &reports, 1 << 20);
        let told = told(&text);
        for report in &reports {
            let output = match &report.outcome {
                ChildOutcome::Unreachable { .. } => Some("unreachable"),
                ChildOutcome::Failed { .. } if report.output.trim_end().is_empty() => None,
                _ => Some(report.output.trim_end_matches('\n')),
            };
            assert_eq!(
                told.get(&report.alias).map(String::as_str),
                output,
                "round {round}, {}: {text}",
                report.alias
            );
        }
        let short = fold(ID, &reports, 700);
        assert!(json_length(&short) <= 700 + 400, "round {round}: {short}");
    }
}
