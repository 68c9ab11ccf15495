//! The kinds of jobs. A kind is a file here and a line in the table below.

pub mod change;
mod command;
pub mod compare;
mod context;
pub mod detached;
pub mod exec;
pub mod file_query;
pub mod fleet;
mod incomplete;
pub mod interactive;
pub mod probe;
pub mod sequence;
#[cfg(test)]
mod sleep;
pub mod step;
pub mod supplies;
pub mod transfer;
pub mod undo;

use std::borrow::Cow;

use serde::{Serialize, de};
use serde_json::{Map, Value};

use super::answer::ShownOutput;
use super::ending::Ending;
use super::header::Header;
use super::id::JobId;
use super::printed::Printed;
use super::stream::Stream;
use crate::error::Error;
use crate::guard::{DeviceLack, Guard};
use crate::secret::{hide_of, without_passwords};
use command::{CommandOutcome, Exit};
pub use context::{ChildJobs, Context, JobStart, NewChild, OutcomeRecorder, StartedChild};
use detached::remote::Remote;

/// A kind of job: what a call asks for. Everything that a retry needs is serialised into the record.
pub trait Kind {
    /// The outcome of such a job.
    type Outcome: Results + Clone + Default
    where
        Self: Sized;

    /// The record's `type`.
    fn record_type(&self) -> &'static str;

    /// Returns whether a stored record is of this kind.
    fn describes(record: &Map<String, Value>) -> bool
    where
        Self: Sized;

    /// Takes the fields of this kind out of a stored record. An error may leave it empty.
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self>
    where
        Self: Sized;

    /// Returns whether a record holds all that a retry needs.
    fn is_retryable(&self) -> bool {
        true
    }

    /// Returns the spec of a retry of the job `id`.
    fn again(&self, _id: &JobId) -> Result<Self, Error>
    where
        Self: Sized + Clone,
    {
        Ok(self.clone())
    }

    /// Returns the outcome in the record of a job that has not run yet.
    fn begin(&self, _id: &JobId) -> Self::Outcome
    where
        Self: Sized,
    {
        Self::Outcome::default()
    }

    /// The tool that asks for it; empty if that is not known.
    fn tool(&self) -> &'static str;

    /// Returns whether it runs or changes something on its server, or only reads there.
    fn changes_server(&self) -> bool;

    /// Returns whether the work goes on once it has begun, whatever becomes of this program.
    fn is_detached(&self) -> bool {
        false
    }

    /// Refuses a job that the guard does not allow. Read-only servers are checked elsewhere.
    fn authorize(&self, guard: &Guard) -> Result<(), Error>;

    /// The thing that a device does not have and that it takes, if there is one.
    fn lacks_on_device(&self) -> Option<DeviceLack> {
        Some(DeviceLack::FILES)
    }

    /// Returns whether it may change something on a device, as far as its words tell.
    fn may_change_device(&self) -> bool {
        true
    }

    /// Refuses a job that may not be done on this server.
    fn admit(&self, alias: &str, guard: &Guard) -> Result<(), Error> {
        guard.check_alias(alias)?;
        if let Some(lack) = self.lacks_on_device() {
            guard.may_take(alias, lack)?;
        }
        guard.holds().check(Some(alias))?;
        if self.changes_server() {
            guard.may_change(alias, self.tool())?;
        }
        self.authorize(guard)
    }

    /// The servers that it is for, where its record has this alias.
    fn servers(&self, alias: &str) -> Vec<String> {
        vec![alias.to_owned()]
    }

    /// Judges the work on one of its servers.
    fn authorize_on(&self, _alias: &str, guard: &Guard) -> Result<(), Error> {
        self.authorize(guard)
    }

    /// Returns whether its arguments tell the files that it writes.
    fn knows_targets(&self) -> bool {
        true
    }

    /// The command that a person may let through for good.
    fn usual_command(&self) -> Option<&str> {
        None
    }

    /// All that a person has to know of the work before they agree to it, in lines.
    fn details(&self) -> String {
        self.summary()
    }

    /// Refuses servers that do not fit the arguments.
    fn check_targets(&self, _targets: &[String]) -> Result<(), Error> {
        Ok(())
    }

    /// Returns the job for one of many servers.
    fn for_server(&self, _alias: &str) -> Result<Self, Error>
    where
        Self: Sized + Clone,
    {
        Ok(self.clone())
    }

    /// Returns whether it may change something on its server, as far as its words tell.
    fn may_change(&self) -> bool {
        self.changes_server()
    }

    /// Returns whether it ends with a check of what it has changed.
    fn has_check(&self) -> bool {
        false
    }

    /// Returns whether undo can take back what it changes.
    fn can_be_undone(&self) -> bool {
        false
    }

    /// The change of a file that it makes, on each of its servers.
    fn file_change(&self) -> Option<&change::Change> {
        None
    }

    /// Returns the same for changes of the record.
    fn file_change_mut(&mut self) -> Option<&mut change::Change> {
        None
    }

    /// The commands in it. Answers show the beginning of a long one.
    fn commands(&mut self) -> Vec<&mut String> {
        Vec::new()
    }

    /// The commands that its caller wants run, where it is not a question of this program's own.
    fn callers_commands(&mut self) -> Vec<String> {
        if !self.changes_server() {
            return Vec::new();
        }
        let commands = self.commands().into_iter();
        commands.map(|command| command.clone()).collect()
    }

    /// The texts in which a secret may stand.
    fn texts(&mut self) -> Vec<&mut String> {
        self.commands()
    }

    /// Masks secrets, so that it can be recorded. Returns whether a retry would lack something.
    fn hide_secrets(&mut self, alias: &str) -> bool {
        let hide = |is_masked, text| hide_text(alias, text) || is_masked;
        self.texts().into_iter().fold(false, hide)
    }

    /// Describes the job in a line.
    fn summary(&self) -> String;

    /// Runs the job.
    fn run(&self, context: &Context<'_>) -> impl Future<Output = (Ending, Self::Outcome)> + Send
    where
        Self: Sized;

    /// Returns the answer's text about a job that has ended.
    fn render(job: &Header, outcome: &Self::Outcome, shown: &ShownOutput) -> String
    where
        Self: Sized;
}

/// The common face of the outcomes of all kinds.
pub trait Results {
    /// Takes the fields of this outcome out of a stored record. An error may leave it empty.
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self>
    where
        Self: Sized;

    /// Returns the output of its commands.
    fn printed(&self) -> Option<&Printed> {
        None
    }

    /// Returns the same for changes.
    fn printed_mut(&mut self) -> Option<&mut Printed> {
        None
    }

    /// Returns the end of its command.
    fn exit(&self) -> Option<&Exit> {
        None
    }

    /// The text that the record has of a stream.
    fn text(&self, stream: Stream) -> Option<&str> {
        self.printed()?.text(stream)
    }

    /// The texts in which a secret may stand and that no command has printed.
    fn texts(&mut self) -> Vec<&mut String>;

    /// Cuts texts to what the queue keeps.
    fn shorten(&mut self) {
        if let Some(printed) = self.printed_mut() {
            printed.shorten();
        }
    }

    /// Cuts texts to what an answer shows.
    fn shorten_for_answer(&mut self) {}

    /// Returns how far the job has come, in a few words.
    fn progress(&self) -> Option<String> {
        None
    }

    /// Returns the job's files on its server, until they are collected.
    fn remote(&self) -> Option<&Remote> {
        None
    }

    /// Returns the same for changes.
    fn remote_mut(&mut self) -> Option<&mut Remote> {
        None
    }
}

/// Makes the enums of all kinds from the table. A record is of the first kind that describes it.
macro_rules! kinds {
    ($($(#[doc = $about:literal])+ $(#[cfg($cfg:meta)])? $name:ident($spec:ty),)*) => {
        /// The work of a job, by its kind.
        #[derive(Clone, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Spec {
            $($(#[doc = $about])+ $(#[cfg($cfg)])? $name($spec),)*
        }

        /// The outcome of a job, by its kind.
        #[derive(Clone, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Outcome {
            $($(#[doc = $about])+ $(#[cfg($cfg)])? $name(<$spec as Kind>::Outcome),)*
        }

        $($(#[cfg($cfg)])? impl From<$spec> for Spec {
            fn from(spec: $spec) -> Self {
                Self::$name(spec)
            }
        })*

        impl Spec {
            /// Takes spec and outcome out of a stored record; the rest stays.
            pub(super) fn take(
                record: &mut Map<String, Value>,
            ) -> serde_json::Result<(Self, Outcome)> {
                $($(#[cfg($cfg)])? {
                    if <$spec>::describes(record) {
                        // An incomplete record is left as it is.
                        let mut rest = record.clone();
                        if let Ok(spec) = <$spec as Kind>::take(&mut rest) {
                            rest.remove(TYPE);
                            *record = rest;
                            let outcome = <$spec as Kind>::Outcome::take(record)?;
                            return Ok((Self::$name(spec), Outcome::$name(outcome)));
                        }
                    }
                })*
                Err(de::Error::custom("the record is of no known type"))
            }

            /// Returns the common face of all kinds.
            pub(super) fn kind(&self) -> &dyn Kind {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(spec) => spec,)*
                }
            }

            pub(super) fn kind_mut(&mut self) -> &mut dyn Kind {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(spec) => spec,)*
                }
            }

            /// Returns the spec of a retry of the job `id`.
            pub(super) fn again(&self, id: &JobId) -> Result<Self, Error> {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(spec) => spec.again(id).map(Self::$name),)*
                }
            }

            /// Returns the job for one of many servers.
            pub(super) fn for_server(&self, alias: &str) -> Result<Self, Error> {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(spec) => spec.for_server(alias).map(Self::$name),)*
                }
            }

            /// Returns the outcome in the record of a job that has not run yet.
            pub(super) fn begin(&self, id: &JobId) -> Outcome {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(spec) => Outcome::$name(spec.begin(id)),)*
                }
            }

            /// Runs the job.
            pub(super) async fn run(&self, context: &Context<'_>) -> (Ending, Outcome) {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(spec) => {
                        let (ending, outcome) = spec.run(context).await;
                        (ending, Outcome::$name(outcome))
                    })*
                }
            }
        }

        impl Outcome {
            /// Returns the common face of all outcomes.
            pub(super) fn results(&self) -> &dyn Results {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(outcome) => outcome,)*
                }
            }

            pub(super) fn results_mut(&mut self) -> &mut dyn Results {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(outcome) => outcome,)*
                }
            }

            /// Returns the answer's text about a job that has ended with this outcome.
            pub(super) fn render(&self, job: &Header, shown: &ShownOutput) -> String {
                match self {
                    $($(#[cfg($cfg)])? Self::$name(outcome) => <$spec>::render(job, outcome, shown),)*
                }
            }
        }
    };
}

kinds! {
    /// A command.
    Exec(exec::Exec),
    /// A command that outlives the connection and this process.
    Detached(detached::Detached),
    /// A command at a terminal, whose prompts are answered.
    Interactive(interactive::Interactive),
    /// Commands one after another in the same shell.
    Sequence(sequence::Sequence),
    /// A file that is edited or written.
    Change(change::Change),
    /// The undo of a task.
    Undo(undo::Undo),
    /// A comparison of files and trees.
    Compare(compare::Compare),
    /// Files that are moved over SFTP.
    Transfer(transfer::Transfer),
    /// A question of a file tool.
    FileLookup(file_query::FileLookup),
    /// A question of a monitoring tool.
    Probe(probe::Probe),
    /// A job on many servers.
    Fleet(fleet::Fleet),
    /// For tests.
    #[cfg(test)]
    Sleep(sleep::Sleep),
    /// A record that does not hold its whole call.
    Incomplete(incomplete::Incomplete),
}

impl Default for Spec {
    /// A record of which nothing was read yet.
    fn default() -> Self {
        Self::Incomplete(incomplete::Incomplete::default())
    }
}

impl Default for Outcome {
    fn default() -> Self {
        Self::Incomplete(CommandOutcome::default())
    }
}

/// The field that says what a record is of.
pub(super) const TYPE: &str = "type";
/// The `type` of commands.
const SSH: &str = "ssh";
/// The `type` of transfers.
const SFTP: &str = "sftp";
/// The `type` of sequences.
const SSH_SEQUENCE: &str = "ssh_sequence";

/// Returns whether a stored record has this `type`.
fn is_of_type(record: &Map<String, Value>, name: &str) -> bool {
    record.get(TYPE).is_some_and(|found| found == name)
}

/// Returns whether a flag of a stored record is set.
fn is_set(record: &Map<String, Value>, flag: &str) -> bool {
    record.get(flag) == Some(&Value::Bool(true))
}

/// Masks the secrets in a text. Returns whether there were any.
pub(super) fn hide_text(alias: &str, text: &mut String) -> bool {
    let Cow::Owned(hidden) = hide_of(Some(alias), text) else {
        return false;
    };
    *text = hidden;
    true
}

/// Masks the secrets in a text that a call wants run, also passwords that are recognised by their place. Returns whether
/// there were any.
fn hide_work(alias: &str, text: &mut String) -> bool {
    let is_known = hide_text(alias, text);
    hide_passwords(text) || is_known
}

/// Masks the passwords in a text that are recognised by their place. Returns whether there were any.
pub(super) fn hide_passwords(text: &mut String) -> bool {
    let Cow::Owned(hidden) = without_passwords(text) else {
        return false;
    };
    *text = hidden;
    true
}

/// A flag that all records of a kind have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Always;

impl Serialize for Always {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl<'de> de::Deserialize<'de> for Always {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self)
        } else {
            Err(de::Error::custom("the flag is not set"))
        }
    }
}
