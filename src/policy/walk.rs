//! The way through a text's commands, in the order in which a shell would run them.

use std::rc::Rc;

use super::Refusal;
use super::call::Call;
use super::judge::{Input, Judge, Place};
use super::scope::{Elements, Scope};
use super::syntax::{Assignment, Command, Kind, List, Piece, Word};
use super::text::Argument;

/// Readings of a command's words together that are followed one by one.
const MOST_WAYS: usize = 16;
/// Builtins whose arguments assign as what stands before a command does.
const DECLARING: &[&str] = &["export", "declare", "typeset", "local", "readonly"];

type Verdict = Result<(), Refusal>;

impl Judge<'_> {
    pub(super) fn list(&mut self, list: &List, scope: &mut Scope, place: &Place) -> Verdict {
        let mut before: Option<Scope> = None;
        for item in list {
            self.spend(1)?;
            let start = scope.clone();
            if item.otherwise || item.background {
                // A `cd` that fails goes nowhere.
                let stays = before.filter(|before| before.directories != scope.directories);
                if let Some(mut stays) = stays.filter(|_| item.otherwise) {
                    self.pipeline(&item.commands, &mut stays, place)?;
                }
                let mut other = scope.clone();
                self.pipeline(&item.commands, &mut other, place)?;
                if !item.background {
                    self.merge(scope, &[other])?;
                }
            } else {
                self.pipeline(&item.commands, scope, place)?;
            }
            before = Some(start);
        }
        Ok(())
    }

    fn merge(&mut self, scope: &mut Scope, others: &[Scope]) -> Verdict {
        for other in others {
            self.spend(scope.weight() / 4 + other.weight() / 4)?;
            scope.merge(other);
        }
        Ok(())
    }

    fn pipeline(&mut self, commands: &[Command], scope: &mut Scope, place: &Place) -> Verdict {
        if let [command] = commands {
            return self.command(command, scope, place);
        }
        let mut place = place.clone();
        for command in commands {
            self.command(command, &mut scope.clone(), &place)?;
            place.input = Input {
                text: self.output(command, scope, &place.input)?.map(Into::into),
                found: self.found(command, scope, &place.input)?.map(Into::into),
                listing: self.listing(command, scope, &place.input)?,
                is_pipe: true,
            };
        }
        Ok(())
    }

    pub(super) fn command(
        &mut self,
        command: &Command,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        Self::check_depth(place)?;
        let mut call = Call {
            part: Rc::clone(&command.part),
            recursive: place.recursive,
            ..Call::default()
        };
        let mut place = place.inner();
        for redirect in &command.redirects {
            self.redirect(redirect, &mut call, scope, &mut place)?;
        }
        let place = &place;
        self.note_written(command, &call, scope, place)?;
        if let Kind::Simple { assignments, words } = &command.kind {
            return self.simple(assignments, words, call, scope, place);
        }
        if !call.outputs.is_empty() {
            self.call(call, scope, place)?;
        }
        match &command.kind {
            Kind::Group(list) => self.list(list, scope, place),
            Kind::Subshell(list) => self.list(list, &mut scope.clone(), place),
            Kind::If(branches, otherwise) => {
                let mut ends = Vec::new();
                for (condition, body) in branches {
                    self.list(condition, scope, place)?;
                    ends.push(self.aside(body, scope, place)?);
                }
                ends.push(self.aside(otherwise, scope, place)?);
                self.merge(scope, &ends)
            }
            Kind::While(condition, body) => self.again(scope, |judge, scope| {
                judge.list(condition, scope, place)?;
                let end = judge.aside(body, scope, place)?;
                judge.merge(scope, &[end])
            }),
            Kind::For(name, words, body) => {
                let values = if let Some(words) = words {
                    self.visit_all(words, scope, place)?;
                    self.set_defaults(words, scope)?;
                    self.flat(words, scope)?
                } else {
                    let alternatives = scope.elements("@");
                    let all = alternatives.iter().flat_map(|one| one.iter());
                    all.map(|(_, one)| one.clone()).collect()
                };
                let values: Vec<_> = values.into_iter().map(|value| value.text).collect();
                let mut inner = scope.clone();
                if name.is_empty() {
                    self.begin_count(words.iter().flatten(), &mut inner)?;
                }
                self.again(&mut inner, |judge, scope| {
                    judge.set(scope, name, values.clone())?;
                    judge.list(body, scope, place)
                })?;
                self.merge(scope, &[inner])
            }
            Kind::Case(subject, arms) => {
                self.visit(subject, scope, place)?;
                self.set_defaults(std::slice::from_ref(subject), scope)?;
                let mut ends = Vec::new();
                for (patterns, body) in arms {
                    self.visit_all(patterns, scope, place)?;
                    ends.push(self.aside(body, scope, place)?);
                }
                self.merge(scope, &ends)
            }
            Kind::Function(name, body) => self.function(name, body, command, scope, place),
            Kind::Test(words) => {
                self.visit_all(words, scope, place)?;
                self.set_defaults(words, scope)?;
                guard(words, scope);
                Ok(())
            }
            Kind::Number(word) => {
                self.visit(word, scope, place)?;
                guard(std::slice::from_ref(word), scope);
                for text in self.texts(word, scope)? {
                    self.compute(&text, scope)?;
                }
                Ok(())
            }
            Kind::Simple { .. } => Ok(()),
        }
    }

    /// Judges a loop's round, and another one if the first changes what the second sees.
    fn again(
        &mut self,
        scope: &mut Scope,
        mut round: impl FnMut(&mut Self, &mut Scope) -> Verdict,
    ) -> Verdict {
        let mut before = scope.clone();
        let within = std::mem::replace(&mut scope.loops, true);
        let verdict = self.rounds(scope, &mut before, &mut round);
        scope.loops = within;
        verdict
    }

    fn rounds(
        &mut self,
        scope: &mut Scope,
        before: &mut Scope,
        round: &mut impl FnMut(&mut Self, &mut Scope) -> Verdict,
    ) -> Verdict {
        round(self, scope)?;
        self.spend(scope.weight() / 4)?;
        if scope.is_like(before) {
            return Ok(());
        }
        before.loops = true;
        self.merge(before, std::slice::from_ref(scope))?;
        round(self, before)?;
        self.merge(scope, std::slice::from_ref(before))
    }

    /// What `for ((i = 6; …))` sets at first.
    fn begin_count<'w>(
        &mut self,
        words: impl Iterator<Item = &'w Word>,
        scope: &mut Scope,
    ) -> Verdict {
        for piece in words.flatten() {
            if let Piece::Number(word) = piece {
                for text in self.texts(word, scope)? {
                    self.compute(text.split(';').next().unwrap_or_default(), scope)?;
                }
            }
        }
        Ok(())
    }

    /// Judges a list that may not be run, and gives the scope it would leave.
    fn aside(&mut self, list: &List, scope: &Scope, place: &Place) -> Result<Scope, Refusal> {
        let mut inner = scope.clone();
        self.list(list, &mut inner, place)?;
        Ok(inner)
    }

    pub(super) fn set(&mut self, scope: &mut Scope, name: &str, values: Vec<String>) -> Verdict {
        self.spend(1 + scope.weight() / 4)?;
        scope.set(name, values);
        Ok(())
    }

    fn function(
        &mut self,
        name: &str,
        body: &Rc<Command>,
        command: &Command,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        if super::builtin::multiplies(name, body)
            && let Some(rule) = self.block.iter().find(|rule| rule.is_bomb())
        {
            return Err(Refusal {
                rule: Some(rule.text().to_owned()),
                part: command.part.to_string(),
                reason:
                    "the function starts itself twice each time, until no process can be started"
                        .into(),
                hint: "Call the function no more than once in itself.".into(),
            });
        }
        let mut inner = scope.clone();
        inner.active.push(name.to_owned());
        inner.set_positional(None);
        self.command(body, &mut inner, &place.silent())?;
        self.spend(1 + scope.weight() / 4)?;
        scope.define(name, body);
        Ok(())
    }

    fn simple(
        &mut self,
        assignments: &[Assignment],
        words: &[Word],
        mut call: Call,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        if words.is_empty() {
            self.assign(assignments, false, &call, scope, place)?;
            if call.outputs.is_empty() {
                return Ok(());
            }
            return self.call(call, scope, place);
        }
        // They hold for this command alone.
        let mut own = scope.clone();
        self.assign(assignments, true, &call, &mut own, place)?;
        self.visit_all(words, scope, place)?;
        self.set_defaults(words, scope)?;
        let name = super::syntax::bare(&words[0]).unwrap_or_default();
        if matches!(&*name, "test" | "[") {
            guard(words, scope);
        }
        let ways = self.ways(words, scope)?;
        if DECLARING.contains(&&*name) {
            call.is_declared = self.declare(&words[1..], scope)?;
        }
        if !assignments.is_empty() {
            let before = own;
            own = scope.clone();
            own.borrow_values(&before, assignments.iter().map(|one| &*one.name));
        }
        let target = if assignments.is_empty() {
            &mut *scope
        } else {
            &mut own
        };
        let mut ends = Vec::new();
        if ways.is_empty() && !call.outputs.is_empty() {
            self.call(call.clone(), target, place)?;
        }
        let mut ways = ways.into_iter().peekable();
        while let Some(way) = ways.next() {
            let call = call.with(way);
            if ends.is_empty() && ways.peek().is_none() {
                self.call(call, target, place)?;
            } else {
                let mut end = target.clone();
                self.call(call, &mut end, place)?;
                ends.push(end);
            }
        }
        if let Some(mut end) = ends.pop() {
            self.merge(&mut end, &ends)?;
            *target = end;
        }
        if !assignments.is_empty() {
            own.borrow_values(scope, assignments.iter().map(|one| &*one.name));
            *scope = own;
        }
        Ok(())
    }

    /// The arguments that a command may have, one way for each reading of its words.
    fn ways(&mut self, words: &[Word], scope: &Scope) -> Result<Vec<Vec<Argument>>, Refusal> {
        let mut all = Vec::new();
        let mut count = 1_usize;
        for word in words {
            let mut readings = self.readings(word, scope, true)?;
            for argument in readings.iter_mut().flatten() {
                self.recall(argument, scope);
            }
            count = count.saturating_mul(readings.len());
            self.spend(readings.len() / 8)?;
            all.push(readings);
        }
        let mut ways = vec![Vec::new()];
        if count > MOST_WAYS {
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

    /// Sets the variables that arguments of `export` and its like assign, which are not split.
    fn declare(&mut self, words: &[Word], scope: &mut Scope) -> Result<bool, Refusal> {
        let mut declared = false;
        for word in words {
            let Some((name, split)) = super::parse::declared(word) else {
                continue;
            };
            declared = true;
            let value = &word[split..];
            match value {
                [Piece::Array(elements)] => {
                    let elements = self.array(elements, scope)?;
                    self.set_array(scope, &name, vec![elements])?;
                }
                value => {
                    let values = self.texts(value, scope)?;
                    self.set(scope, &name, values)?;
                }
            }
        }
        Ok(declared)
    }

    pub(super) fn assign(
        &mut self,
        assignments: &[Assignment],
        for_command: bool,
        call: &Call,
        scope: &mut Scope,
        place: &Place,
    ) -> Verdict {
        for one in assignments {
            self.visit(&one.value, scope, place)?;
            if let Some(index) = &one.index {
                self.visit(index, scope, place)?;
            }
            self.permit_assignment(&one.name, for_command, call, place)?;
            self.assign_one(one, scope)?;
        }
        Ok(())
    }

    /// Sets a variable, an array or an element.
    pub(super) fn assign_one(&mut self, one: &Assignment, scope: &mut Scope) -> Verdict {
        self.set_defaults(std::slice::from_ref(&one.value), scope)?;
        if let [Piece::Array(words)] = &one.value[..] {
            let mut elements = vec![self.array(words, scope)?];
            if one.appends {
                let added = &elements[0];
                let known = scope.known_elements(&one.name);
                elements = known.iter().map(|before| appended(before, added)).collect();
            }
            return self.set_array(scope, &one.name, elements);
        }
        let mut values = self.texts(&one.value, scope)?;
        if let Some(index) = &one.index {
            let keys = self.keys(index, scope)?;
            let mut alternatives = scope.known_elements(&one.name);
            for elements in &mut alternatives {
                let mut changed: Vec<_> = elements.to_vec();
                for key in &keys {
                    changed.retain(|(own, _)| own != key);
                    let values = values.iter().cloned().map(Argument::of);
                    changed.extend(values.map(|value| (key.clone(), value)));
                }
                *elements = changed.into();
            }
            return self.set_array(scope, &one.name, alternatives);
        }
        if one.appends {
            let before = scope.values(&one.name);
            self.spend(before.len() * values.len())?;
            values = before
                .iter()
                .take(8)
                .flat_map(|before| values.iter().map(move |value| format!("{before}{value}")))
                .collect();
        }
        self.set(scope, &one.name, values)
    }

    /// The elements that the words of an array make.
    fn array(&mut self, words: &[Word], scope: &Scope) -> Result<Elements, Refusal> {
        let mut elements = Vec::new();
        let mut next = 0_usize;
        for word in words {
            if let Some((key, value)) = keyed(word) {
                let value = self.texts(value, scope)?;
                for key in self.keys(key, scope)? {
                    next = key.parse().map_or(next, |at: usize| at.saturating_add(1));
                    let values = value.iter().cloned().map(Argument::of);
                    elements.extend(values.map(|value| (key.clone(), value)));
                }
                continue;
            }
            for argument in self.readings(word, scope, true)?.into_iter().flatten() {
                elements.push((next.to_string(), argument));
                next = next.saturating_add(1);
            }
        }
        self.spend(elements.len() / 4)?;
        Ok(elements.into())
    }

    pub(super) fn set_array(
        &mut self,
        scope: &mut Scope,
        name: &str,
        alternatives: Vec<Elements>,
    ) -> Verdict {
        let size: usize = alternatives.iter().map(|one| one.len() / 16).sum();
        self.spend(1 + scope.weight() / 4 + size)?;
        scope.set_array(name, alternatives);
        Ok(())
    }
}

/// Key and value of an array's `[key]=value`.
fn keyed(word: &[Piece]) -> Option<(&[Piece], &[Piece])> {
    let is = |piece: &Piece, sign: char| matches!(piece, Piece::Bare(one) if *one == sign);
    let close = word.iter().position(|piece| is(piece, ']'))?;
    let equals = word.get(close + 1).is_some_and(|piece| is(piece, '='));
    (is(&word[0], '[') && equals).then(|| (&word[1..close], &word[close + 2..]))
}

/// One array behind another.
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

/// Notes which variables a test looks at.
fn guard(words: &[Word], scope: &mut Scope) {
    for piece in words.iter().flatten() {
        if let Piece::Variable(variable) = piece {
            scope.guard(&variable.name);
        }
    }
}
