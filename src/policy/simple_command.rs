//! Simple commands: their assignments, and the readings of their words.

use super::call::ProgramCall;
use super::environment::{Elements, Environment};
use super::judge::{CommandContext, Judge};
use super::walk::note_tested;
use super::{Judgement, Refusal};
use crate::shell::argument::Argument;
use crate::shell::parse::declared;
use crate::shell::syntax::{Assignment, Word, WordPart, bare};

/// Most readings of a command's words together that are followed one by one.
const MOST_COMMAND_READINGS: usize = 16;
/// Built-in utilities whose arguments are assignments.
const DECLARING: &[&str] = &["export", "declare", "typeset", "local", "readonly"];

impl Judge<'_> {
    pub(super) fn simple(
        &mut self,
        assignments: &[Assignment],
        words: &[Word],
        mut call: ProgramCall,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        if words.is_empty() {
            self.assign(assignments, false, &call, environment, context)?;
            if call.outputs.is_empty() {
                return Ok(());
            }
            return self.call(call, environment, context);
        }
        // Assignments before a command hold for it alone.
        let mut own = environment.clone();
        self.assign(assignments, true, &call, &mut own, context)?;
        self.visit_all(words, environment, context)?;
        self.set_defaults(words, environment)?;
        let name = bare(&words[0]).unwrap_or_default();
        if matches!(&*name, "test" | "[") {
            note_tested(words, environment);
        }
        let ways = self.command_readings(words, environment)?;
        if DECLARING.contains(&&*name) {
            call.is_declared = self.declare(&words[1..], environment)?;
        }
        if !assignments.is_empty() {
            let before = own;
            own = environment.clone();
            own.borrow_values(&before, assignments.iter().map(|one| &*one.name));
        }
        let target = if assignments.is_empty() {
            &mut *environment
        } else {
            &mut own
        };
        let mut ends = Vec::new();
        if ways.is_empty() && !call.outputs.is_empty() {
            self.call(call.clone(), target, context)?;
        }
        let mut ways = ways.into_iter().peekable();
        while let Some(way) = ways.next() {
            let call = call.with(way);
            if ends.is_empty() && ways.peek().is_none() {
                self.call(call, target, context)?;
            } else {
                let mut end = target.clone();
                self.call(call, &mut end, context)?;
                ends.push(end);
            }
        }
        if let Some(mut end) = ends.pop() {
            self.merge(&mut end, &ends)?;
            *target = end;
        }
        if !assignments.is_empty() {
            own.borrow_values(environment, assignments.iter().map(|one| &*one.name));
            *environment = own;
        }
        Ok(())
    }

    /// The arguments that a command may have, one way for each reading of its words.
    fn command_readings(
        &mut self,
        words: &[Word],
        environment: &Environment,
    ) -> Result<Vec<Vec<Argument>>, Refusal> {
        let mut all = Vec::new();
        let mut count = 1_usize;
        for word in words {
            let mut readings = self.readings(word, environment, true)?;
            for argument in readings.iter_mut().flatten() {
                self.recall(argument, environment);
            }
            count = count.saturating_mul(readings.len());
            self.spend(readings.len() / 8)?;
            all.push(readings);
        }
        let mut ways = vec![Vec::new()];
        if count > MOST_COMMAND_READINGS {
            // Each reading of the first word may be another program; the others count together.
            let mut rest = all.into_iter();
            let mut programs = Vec::new();
            while let (true, Some(readings)) = (programs.is_empty(), rest.next()) {
                programs = readings;
                programs.retain(|reading| !reading.is_empty());
            }
            let rest = rest.flatten().flatten().collect::<Vec<_>>();
            self.spend(programs.len() * (1 + rest.len() / 8))?;
            return Ok(programs
                .into_iter()
                .map(|program| [&program[..], &rest].concat())
                .collect());
        }
        for readings in all {
            if let [reading] = &readings[..] {
                for way in &mut ways {
                    way.extend_from_slice(reading);
                }
                continue;
            }
            self.spend(ways.iter().map(|way: &Vec<_>| 1 + way.len() / 8).sum())?;
            ways = ways
                .iter()
                .flat_map(|way| readings.iter().map(move |one| [&way[..], one].concat()))
                .collect();
        }
        ways.retain(|way| !way.is_empty());
        Ok(ways)
    }

    /// Sets the variables that the arguments of `export` and its like assign. Their values are not split.
    fn declare(&mut self, words: &[Word], environment: &mut Environment) -> Result<bool, Refusal> {
        let mut is_any = false;
        for word in words {
            let Some((name, split)) = declared(word) else {
                continue;
            };
            is_any = true;
            let value = &word[split..];
            match value {
                [WordPart::Array(elements)] => {
                    let elements = self.array(elements, environment)?;
                    self.set_array(environment, &name, vec![elements])?;
                }
                value => {
                    let values = self.texts(value, environment)?;
                    self.set(environment, &name, values)?;
                }
            }
        }
        Ok(is_any)
    }

    pub(super) fn assign(
        &mut self,
        assignments: &[Assignment],
        for_command: bool,
        call: &ProgramCall,
        environment: &mut Environment,
        context: &CommandContext,
    ) -> Judgement {
        for one in assignments {
            self.visit(&one.value, environment, context)?;
            if let Some(index) = &one.index {
                self.visit(index, environment, context)?;
            }
            self.permit_assignment(&one.name, for_command, call, context)?;
            self.assign_one(one, environment)?;
        }
        Ok(())
    }

    /// Sets a variable, an array or an element.
    pub(super) fn assign_one(
        &mut self,
        one: &Assignment,
        environment: &mut Environment,
    ) -> Judgement {
        self.set_defaults(std::slice::from_ref(&one.value), environment)?;
        if let [WordPart::Array(words)] = &one.value[..] {
            let mut elements = vec![self.array(words, environment)?];
            if one.appends {
                let added = &elements[0];
                let known = environment.known_elements(&one.name);
                elements = known.iter().map(|before| appended(before, added)).collect();
            }
            return self.set_array(environment, &one.name, elements);
        }
        let mut values = self.texts(&one.value, environment)?;
        if let Some(index) = &one.index {
            let keys = self.keys(index, environment)?;
            let mut alternatives = environment.known_elements(&one.name);
            for elements in &mut alternatives {
                let mut changed: Vec<_> = elements.to_vec();
                for key in &keys {
                    changed.retain(|(own, _)| own != key);
                    let values = values.iter().cloned().map(Argument::of);
                    changed.extend(values.map(|value| (key.clone(), value)));
                }
                *elements = changed.into();
            }
            return self.set_array(environment, &one.name, alternatives);
        }
        if one.appends {
            let before = environment.values(&one.name);
            self.spend(before.len() * values.len())?;
            values = before
                .iter()
                .take(8)
                .flat_map(|before| values.iter().map(move |value| format!("{before}{value}")))
                .collect();
        }
        self.set(environment, &one.name, values)
    }

    /// The elements of an array.
    fn array(&mut self, words: &[Word], environment: &Environment) -> Result<Elements, Refusal> {
        let mut elements = Vec::new();
        let mut next = 0_usize;
        for word in words {
            if let Some((key, value)) = keyed(word) {
                let value = self.texts(value, environment)?;
                for key in self.keys(key, environment)? {
                    next = key.parse().map_or(next, |at: usize| at.saturating_add(1));
                    let values = value.iter().cloned().map(Argument::of);
                    elements.extend(values.map(|value| (key.clone(), value)));
                }
                continue;
            }
            for argument in self
                .readings(word, environment, true)?
                .into_iter()
                .flatten()
            {
                elements.push((next.to_string(), argument));
                next = next.saturating_add(1);
            }
        }
        self.spend(elements.len() / 4)?;
        Ok(elements.into())
    }

    pub(super) fn set_array(
        &mut self,
        environment: &mut Environment,
        name: &str,
        alternatives: Vec<Elements>,
    ) -> Judgement {
        let size: usize = alternatives.iter().map(|one| one.len() / 16).sum();
        self.spend(1 + environment.copy_cost() / 4 + size)?;
        environment.set_array(name, alternatives);
        Ok(())
    }
}

/// The key and the value of an array's `[key]=value`.
fn keyed(word: &[WordPart]) -> Option<(&[WordPart], &[WordPart])> {
    let is = |part: &WordPart, sign: char| matches!(part, WordPart::Bare(one) if *one == sign);
    let close = word.iter().position(|part| is(part, ']'))?;
    let equals = word.get(close + 1).is_some_and(|part| is(part, '='));
    (is(&word[0], '[') && equals).then(|| (&word[1..close], &word[close + 2..]))
}

/// One array appended to another.
fn appended(before: &Elements, added: &Elements) -> Elements {
    let after = before
        .iter()
        .filter_map(|(key, _)| key.parse::<usize>().ok());
    let first = after.max().map_or(0, |last| last.saturating_add(1));
    let added = added.iter().map(|(key, one)| match key.parse::<usize>() {
        Ok(at) => (first.saturating_add(at).to_string(), one.clone()),
        Err(_) => (key.clone(), one.clone()),
    });
    before.iter().cloned().chain(added).collect()
}
