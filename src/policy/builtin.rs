//! What a shell's own commands change for those after them.

use super::Refusal;
use super::call::Call;
use super::change::cased;
use super::judge::{Input, Judge};
use super::number;
use super::options::{self, Grammar};
use super::scope::{Scope, numbered};
use super::syntax::{Case, Command, Kind, List, bare};
use super::text::{Argument, MANY, ONE, SOMETHING, UNKNOWN, assignment, is_name};

/// Lines of what is read that are followed.
const MOST_LINES: usize = 32;

impl Judge<'_> {
    /// Notes what a call changes in its shell.
    pub(super) fn note(
        &mut self,
        name: &str,
        call: &Call,
        scope: &mut Scope,
        input: &Input,
    ) -> Result<(), Refusal> {
        let arguments = call.arguments();
        let mut operands = arguments.iter().filter(|one| !one.is_option());
        match name {
            "cd" | "chdir" => {
                let back = arguments.iter().find(|one| one.text == "-");
                scope.enter(back.or_else(|| operands.next()));
            }
            "pushd" => scope.push_directory(operands.next()),
            "popd" => scope.pop_directory(),
            "export" | "declare" | "typeset" | "local" | "readonly" => {
                self.declared(arguments, call.is_declared, scope)?;
            }
            "shift" => {
                let count = operands.next().map_or(Some(1), |one| one.text.parse().ok());
                match count {
                    Some(count) => scope.shift(count),
                    None => scope.set_positional(None),
                }
            }
            "set" => set(arguments, scope),
            "alias" => {
                for (alias, text) in arguments.iter().filter_map(|one| one.text.split_once('=')) {
                    self.spend(1)?;
                    scope.alias(alias, text);
                }
            }
            "hash" if arguments.first().is_some_and(|one| one.text == "-p") => {
                if let [_, path, name, ..] = arguments {
                    scope.alias(&name.text, &path.text);
                }
            }
            "unset" => {
                for variable in operands.filter(|one| is_name(&one.text)) {
                    self.spend(1 + scope.weight() / 4)?;
                    scope.forget(&variable.text);
                }
            }
            "read" => self.read_line(arguments, scope, input)?,
            "mapfile" | "readarray" => self.read_lines(arguments, scope, input)?,
            "getopts" => self.get_options(arguments, scope)?,
            "let" => {
                for expression in arguments {
                    let text = expression.text.replace(MANY, "*").replace(ONE, "?");
                    self.compute(&text, scope)?;
                }
            }
            "printf" if arguments.first().is_some_and(|one| one.text == "-v") => {
                if let [_, variable, rest @ ..] = arguments
                    && let Some(name) = variable.text.split('[').next().filter(|one| is_name(one))
                {
                    let text = super::printing::format(rest);
                    self.set(scope, name, vec![text])?;
                }
            }
            "mount" | "ln" => {
                for mount in super::writes::mounts(call) {
                    self.spend(1)?;
                    scope.mount(mount);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn declared(
        &mut self,
        arguments: &[Argument],
        is_done: bool,
        scope: &mut Scope,
    ) -> Result<(), Refusal> {
        let letters: String = arguments
            .iter()
            .filter(|one| one.is_option())
            .map(|one| one.text.as_str())
            .collect();
        for argument in arguments {
            let Some((name, value)) = assignment(&argument.text) else {
                continue;
            };
            if letters.contains('n') && is_name(value) {
                self.spend(1)?;
                scope.link(name, value);
                continue;
            }
            if !is_done {
                self.set(scope, name, vec![value.to_owned()])?;
            }
            let case = match () {
                () if letters.contains('l') => Case::Lower,
                () if letters.contains('u') => Case::Upper,
                () => continue,
            };
            let values = scope.values(name);
            let values = values.iter().map(|value| cased(value, case)).collect();
            self.set(scope, name, values)?;
        }
        Ok(())
    }

    /// Sets the variable that an expression sets.
    pub(super) fn compute(&mut self, text: &str, scope: &mut Scope) -> Result<(), Refusal> {
        for part in text.split(',') {
            let Some((name, expression)) = number::assigned(part).filter(|one| is_name(one.0))
            else {
                continue;
            };
            let value = super::value::evaluate(&expression, scope);
            let value = value.map_or(SOMETHING.to_string(), |value| value.to_string());
            let name = name.to_owned();
            self.set(scope, &name, vec![value])?;
        }
        Ok(())
    }

    /// `read`: any line of what is read may be the one.
    fn read_line(
        &mut self,
        arguments: &[Argument],
        scope: &mut Scope,
        input: &Input,
    ) -> Result<(), Refusal> {
        let grammar = Grammar {
            letters: "adinNptu",
            long: &[],
        };
        let (given, names) = options::leading(arguments, grammar);
        let reply = [Argument::of("REPLY")];
        let array = options::value(&given, &["a"]);
        let names = if names.is_empty() { &reply } else { names };
        let text = match (&input.text, &input.found) {
            (Some(text), _) => Some(text.to_string()),
            (None, Some(found)) => {
                let found: Vec<_> = found.iter().map(|one| &*one.text).collect();
                Some(found.join("\n"))
            }
            (None, None) => None,
        };
        let Some(text) = &text else {
            for name in names.iter().chain(array).filter(|one| is_name(&one.text)) {
                self.spend(1 + scope.weight() / 4)?;
                scope.forget(&name.text);
            }
            return Ok(());
        };
        self.spend(1 + text.len() / 64)?;
        let lines: Vec<&str> = if options::has(&given, &["d"]) {
            vec![text.trim_end_matches('\n')]
        } else {
            text.lines().collect()
        };
        let separators = scope.separators();
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
            return self.set_array(scope, &array.text, elements);
        }
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
            self.set(scope, &name.text, values)?;
        }
        Ok(())
    }

    fn read_lines(
        &mut self,
        arguments: &[Argument],
        scope: &mut Scope,
        input: &Input,
    ) -> Result<(), Refusal> {
        let grammar = Grammar {
            letters: "dnOsuCc",
            long: &[],
        };
        let (_, names) = options::leading(arguments, grammar);
        let name = names.first().map_or("MAPFILE", |name| &name.text);
        if !is_name(name) {
            return Ok(());
        }
        match &input.text {
            Some(text) if self.allow.is_empty() => {
                self.spend(1 + text.len() / 64)?;
                let lines: Vec<_> = text.lines().map(Argument::of).collect();
                self.set_array(scope, name, vec![numbered(&lines, 0)])
            }
            _ => {
                self.spend(1 + scope.weight() / 4)?;
                scope.forget(name);
                Ok(())
            }
        }
    }

    /// `getopts`: every argument may be an option's value.
    fn get_options(&mut self, arguments: &[Argument], scope: &mut Scope) -> Result<(), Refusal> {
        if let Some(name) = arguments.get(1).filter(|one| is_name(&one.text)) {
            self.spend(1 + scope.weight() / 4)?;
            scope.forget(&name.text);
        }
        let mut values = vec![UNKNOWN.to_string()];
        for elements in scope.positional().unwrap_or_default() {
            for (_, one) in elements.iter() {
                let own = one.text.strip_prefix('-').and_then(|rest| {
                    let letter = rest.chars().next()?;
                    Some(&rest[letter.len_utf8()..])
                });
                values.push(own.unwrap_or(&one.text).to_owned());
            }
        }
        values.retain(|value| !value.is_empty());
        self.set(scope, "OPTARG", values)
    }
}

/// `set`, with options and without.
fn set(arguments: &[Argument], scope: &mut Scope) {
    let mut rest = arguments;
    while let Some((first, others)) = rest.split_first() {
        let text = first.text.as_str();
        if matches!(text, "--" | "-") {
            if text == "--" || !others.is_empty() {
                scope.set_positional(Some(others));
            }
            return;
        }
        if text.len() < 2 || !text.starts_with(['-', '+']) {
            return scope.set_positional(Some(rest));
        }
        rest = others;
        let is_on = text.starts_with('-');
        scope.strict |= is_on && text.contains('u');
        if text.ends_with('o')
            && let Some((option, after)) = rest.split_first()
        {
            scope.strict |= is_on && option.text == "nounset";
            rest = after;
        }
    }
}

/// A line in its fields, the last of which is all that is left.
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

/// Whether a function of this name and body starts itself twice, side by side, whatever happens.
pub(super) fn multiplies(name: &str, body: &Command) -> bool {
    let (mut all, mut aside) = (0, 0);
    count(name, body, false, &mut all, &mut aside);
    all >= 2 && aside >= 1
}

fn count(name: &str, command: &Command, beside: bool, all: &mut usize, aside: &mut usize) {
    let lists = |list: &List, all: &mut usize, aside: &mut usize| {
        for item in list {
            let beside = beside || item.background || item.commands.len() > 1;
            for command in &item.commands {
                count(name, command, beside, all, aside);
            }
        }
    };
    match &command.kind {
        Kind::Simple { words, .. } => {
            let own = words.first().and_then(|word| bare(word));
            if own.as_deref() == Some(name) {
                *all += 1;
                *aside += usize::from(beside);
            }
        }
        Kind::Group(list) | Kind::Subshell(list) => lists(list, all, aside),
        // What is behind a condition may end.
        _ => {}
    }
}
