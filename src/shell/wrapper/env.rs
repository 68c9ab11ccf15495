//! Calls of `env`.

use super::super::argument::{self, Argument, assignment};
use super::super::options::{self, OptionSpec};

/// A call of `env`.
pub(crate) struct EnvCall {
    /// The directory in which the command is run, if it is another one.
    pub(crate) directory: Option<Argument>,
    /// The variables that are set for the command.
    pub(crate) assigned: Vec<(String, String)>,
    pub(crate) command: Vec<Argument>,
}

impl EnvCall {
    /// The call that has these arguments.
    pub(crate) fn of(arguments: &[Argument]) -> Self {
        const OPTIONS: OptionSpec<'static> = OptionSpec {
            letters: "uCSa",
            long: &["unset", "chdir", "split-string", "argv0"],
        };
        const MOST_SPLITS: usize = 4;
        let mut words = arguments.to_vec();
        let (mut given, mut at, mut splits) = (Vec::new(), 0, 0);
        while let Some(rest) = options::first(&words[at..], OPTIONS, &mut given) {
            at = words.len() - rest.len();
            // `-S` holds several arguments in one, and options among them.
            let last = given
                .last()
                .filter(|one| matches!(&*one.name, "S" | "split-string"));
            if let Some(text) = last.and_then(|one| one.value.as_ref())
                && splits < MOST_SPLITS
            {
                splits += 1;
                words.splice(..at, argument::words(&text.text));
                at = 0;
                given.pop();
            }
        }
        for skipped in ["--", "-"] {
            at += usize::from(words.get(at).is_some_and(|one| one.text == skipped));
        }
        let assignments = words[at..].iter().map_while(|one| assignment(&one.text));
        let assigned: Vec<_> = assignments
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        words.drain(..at + assigned.len());
        Self {
            directory: options::value(&given, &["C", "chdir"]).cloned(),
            assigned,
            command: words,
        }
    }
}
