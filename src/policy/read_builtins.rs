//! Built-in utilities that read into variables: `read`, `mapfile`, `getopts`.

use super::Refusal;
use super::environment::{Environment, numbered};
use super::judge::{CommandInput, Judge};
use crate::shell::argument::{Argument, SOMETHING, UNKNOWN, is_name};
use crate::shell::options::{self, OptionSpec};

/// Most lines of the input that are followed.
const MOST_LINES: usize = 32;

impl Judge<'_> {
    /// Applies `read`. Any line of the input may be the one that is read.
    pub(super) fn read_line(
        &mut self,
        arguments: &[Argument],
        environment: &mut Environment,
        input: &CommandInput,
    ) -> Result<(), Refusal> {
        let spec = OptionSpec {
            letters: "adinNptu",
            long: &[],
        };
        let (given, names) = options::leading(arguments, spec);
        let reply = [Argument::of("REPLY")];
        let array = options::value(&given, &["a"]);
        let names = if names.is_empty() { &reply } else { names };
        let Some(text) = text_of(input) else {
            for name in names.iter().chain(array).filter(|one| is_name(&one.text)) {
                self.spend(1 + environment.copy_cost() / 4)?;
                environment.set_unknown(&name.text);
            }
            return Ok(());
        };
        self.spend(1 + text.len() / 64)?;
        let lines: Vec<&str> = if options::has(&given, &["d"]) {
            vec![text.trim_end_matches('\n')]
        } else {
            text.lines().collect()
        };
        let separators = environment.separators();
        let fields = |line: &&str| fields(line, &separators, names.len());
        let mut fields: Vec<_> = lines.iter().take(MOST_LINES).map(fields).collect();
        if lines.len() > MOST_LINES {
            fields.push(vec![SOMETHING.into(); names.len()]);
        }
        if let Some(array) = array.filter(|one| is_name(&one.text)) {
            let elements = lines.iter().take(MOST_LINES).map(|line| {
                let words = self::fields(line, &separators, usize::MAX);
                numbered(&words.into_iter().map(Argument::of).collect::<Vec<_>>(), 0)
            });
            let elements = elements.collect();
            return self.set_array(environment, &array.text, elements);
        }
        self.set_fields(names, &fields, environment)
    }

    /// Sets variables to the fields at their positions, one alternative for each line.
    fn set_fields(
        &mut self,
        names: &[Argument],
        fields: &[Vec<String>],
        environment: &mut Environment,
    ) -> Result<(), Refusal> {
        for (at, name) in names
            .iter()
            .enumerate()
            .filter(|(_, one)| is_name(&one.text))
        {
            let mut values: Vec<String> = fields
                .iter()
                .map(|fields| fields.get(at).cloned().unwrap_or_default())
                .collect();
            if !self.allow.is_empty() || values.is_empty() {
                values.push(SOMETHING.into());
            }
            self.set(environment, &name.text, values)?;
        }
        Ok(())
    }

    pub(super) fn read_lines(
        &mut self,
        arguments: &[Argument],
        environment: &mut Environment,
        input: &CommandInput,
    ) -> Result<(), Refusal> {
        let spec = OptionSpec {
            letters: "dnOsuCc",
            long: &[],
        };
        let (_, names) = options::leading(arguments, spec);
        let name = names.first().map_or("MAPFILE", |name| &name.text);
        if !is_name(name) {
            return Ok(());
        }
        match &input.text {
            Some(text) if self.allow.is_empty() => {
                self.spend(1 + text.len() / 64)?;
                let lines: Vec<_> = text.lines().map(Argument::of).collect();
                self.set_array(environment, name, vec![numbered(&lines, 0)])
            }
            _ => {
                self.spend(1 + environment.copy_cost() / 4)?;
                environment.set_unknown(name);
                Ok(())
            }
        }
    }

    /// Applies `getopts`. Every argument may be an option's value.
    pub(super) fn get_options(
        &mut self,
        arguments: &[Argument],
        environment: &mut Environment,
    ) -> Result<(), Refusal> {
        if let Some(name) = arguments.get(1).filter(|one| is_name(&one.text)) {
            self.spend(1 + environment.copy_cost() / 4)?;
            environment.set_unknown(&name.text);
        }
        let mut values = vec![UNKNOWN.to_string()];
        for elements in environment.positional().unwrap_or_default() {
            for (_, one) in elements.iter() {
                let own = one.text.strip_prefix('-').and_then(|rest| {
                    let letter = rest.chars().next()?;
                    Some(&rest[letter.len_utf8()..])
                });
                values.push(own.unwrap_or(&one.text).to_owned());
            }
        }
        values.retain(|value| !value.is_empty());
        self.set(environment, "OPTARG", values)
    }
}

/// The input as a text, with a line for each file that `find` has found.
fn text_of(input: &CommandInput) -> Option<String> {
    if let Some(text) = &input.text {
        return Some(text.to_string());
    }
    let found = input.found.as_ref()?;
    let found: Vec<_> = found.iter().map(|one| &*one.text).collect();
    Some(found.join("\n"))
}

/// The fields of a line; the last one holds the rest.
fn fields(line: &str, separators: &str, most: usize) -> Vec<String> {
    let is_between = |one: char| separators.contains(one);
    let blank = |one: char| separators.contains(one) && one.is_whitespace();
    let mut fields = Vec::new();
    let mut rest = line.trim_matches(blank);
    while !rest.is_empty() && fields.len() < 256 {
        let end = rest.find(is_between).filter(|_| fields.len() + 1 < most);
        let Some(end) = end else {
            fields.push(rest.to_owned());
            break;
        };
        fields.push(rest[..end].to_owned());
        let between = rest[end..].chars().next().map_or(1, char::len_utf8);
        rest = rest[end + between..].trim_start_matches(blank);
    }
    fields
}
