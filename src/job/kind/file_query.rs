//! A question of a file tool, which reads on a server and changes nothing. Its script is this program's own, as
//! that of a probe is.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::{Exit, headline};
use super::context::{Context, limit_of};
use super::{Kind, Results, SSH, is_of_type};
use crate::error::{Error, Stopped};
use crate::file_query::{FileQuery, FileReport, QueryContext};
use crate::guard::Guard;
use crate::job::answer::{AnswerText, ShownOutput};
use crate::job::ending::Ending;
use crate::job::fields::take;
use crate::job::header::Header;
use crate::job::outputs::{Streams, masked};
use crate::job::printed::Printed;
use crate::random;
use crate::sftp::{FileAccess, RemoteFiles};
use crate::shell::quote;
use crate::ssh::command::{CommandText, RemoteCommand};
use crate::ssh::{ExitOutcome, has_refused_commands, patience};

/// Reads, lists or searches files.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileLookup(pub FileQuery);

/// The outcome of a question of a file tool.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LookupOutcome {
    /// The text that was found.
    #[serde(flatten)]
    printed: Printed,
    /// The end of its script.
    #[serde(flatten)]
    exit: Exit,
    #[serde(flatten)]
    found: Findings,
}

/// The lines of the answer before its text, as a record has them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Findings {
    /// The first line of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    heading: Option<String>,
    /// Further lines before the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// The hash of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Results for LookupOutcome {
    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        Ok(Self {
            printed: take(record)?,
            exit: take(record)?,
            found: take(record)?,
        })
    }

    fn printed(&self) -> Option<&Printed> {
        Some(&self.printed)
    }

    fn printed_mut(&mut self) -> Option<&mut Printed> {
        Some(&mut self.printed)
    }

    fn exit(&self) -> Option<&Exit> {
        Some(&self.exit)
    }

    fn texts(&mut self) -> Vec<&mut String> {
        let notes = self.found.notes.iter_mut();
        let texts = notes.chain(&mut self.found.heading);
        texts.chain(&mut self.printed.output).collect()
    }
}

/// The outcome of asking the question in a shell.
enum Answered {
    /// By a report, or not at all.
    Now(Result<FileReport, Error>),
    /// The script was stopped or lost.
    Ended(ExitOutcome),
    /// There is no shell that answers, or SFTP answers better.
    BySftp,
}

impl FileLookup {
    /// Asks the question in a shell.
    async fn ask_shell(&self, context: &Context<'_>, about: QueryContext<'_>) -> Answered {
        let token = random::hex::<8>();
        let script = match self.0.script(&token) {
            Ok(Some(script)) => script,
            Ok(None) => return Answered::BySftp,
            Err(error) => return Answered::Now(Err(error)),
        };
        let command = RemoteCommand {
            alias: about.alias,
            text: CommandText::OwnLine(&format!("sh -c {}", quote(&script))),
            limit: limit_of(None, context.config.command_timeout),
            bound: self.0.bound(),
            responder: None,
            link: None,
            cancel: context.cancel(),
        };
        let Streams {
            mut stdout,
            mut stderr,
        } = context.scratch_output();
        let ran = match command.run(context.pool, &mut stdout, &mut stderr).await {
            Ok(ran) => ran,
            Err(error) if has_refused_commands(&error) => return Answered::BySftp,
            Err(error) => return Answered::Now(Err(error)),
        };
        let answer = stdout.captured().whole().unwrap_or_default();
        let complaints = stderr.captured().shown(ran.charset).text;
        let answer = self.0.parse(&answer, &complaints, &token, about);
        match (answer, ran.ended) {
            (Some(answer), ExitOutcome::Exited(_) | ExitOutcome::Bounded(_)) => {
                Answered::Now(answer)
            }
            (None, ExitOutcome::Exited(_) | ExitOutcome::Signalled(_) | ExitOutcome::Unknown) => {
                Answered::BySftp
            }
            (_, ended) => Answered::Ended(ended),
        }
    }

    /// Asks the question over SFTP.
    async fn ask_sftp(
        &self,
        context: &Context<'_>,
        about: QueryContext<'_>,
    ) -> Result<FileReport, Error> {
        let limit = limit_of(None, context.config.command_timeout);
        let access = FileAccess {
            pool: context.pool,
            alias: about.alias,
            patience: patience(limit),
            reconnect_patience: context.config.reconnect_patience,
            data: context.data,
            may_write: &|| context.guard.write_check(),
            cancel: context.cancel(),
        };
        let files = RemoteFiles::open(access).await?;
        let mask = |bytes: Vec<u8>| masked(about.alias, &bytes);
        self.0.ask_over_sftp(&files, about, mask).await
    }
}

impl Kind for FileLookup {
    type Outcome = LookupOutcome;

    fn record_type(&self) -> &'static str {
        SSH
    }

    fn describes(record: &Map<String, Value>) -> bool {
        is_of_type(record, SSH) && record.contains_key(FileQuery::FIELDS[0])
    }

    fn take(record: &mut Map<String, Value>) -> serde_json::Result<Self> {
        let query = FileQuery::deserialize(Value::Object(record.clone()))?;
        for field in FileQuery::FIELDS {
            record.remove(field);
        }
        Ok(Self(query))
    }

    fn tool(&self) -> &'static str {
        self.0.tool()
    }

    fn changes_server(&self) -> bool {
        false
    }

    fn authorize(&self, _guard: &Guard) -> Result<(), Error> {
        self.0.check()
    }

    fn texts(&mut self) -> Vec<&mut String> {
        self.0.texts()
    }

    fn summary(&self) -> String {
        format!("{} {}", self.0.tool(), self.0.path())
    }

    async fn run(&self, context: &Context<'_>) -> (Ending, LookupOutcome) {
        let may_read = |names: &[String], holds_key| context.guard.may_read(names, holds_key);
        let about = QueryContext {
            alias: &context.job.alias,
            charset: context.pool.charset(&context.job.alias),
            may_read: &may_read,
        };
        let mut outcome = LookupOutcome::default();
        let limit = limit_of(None, context.config.command_timeout);
        let report = match self.ask_shell(context, about).await {
            Answered::Now(report) => report,
            Answered::Ended(ended) => {
                let ending = outcome.exit.close(ended, limit);
                return (ending, outcome);
            }
            Answered::BySftp => {
                // Boxed, because the future is large.
                let ask = Box::pin(self.ask_sftp(context, about));
                tokio::select! {
                    report = ask => report,
                    () = context.cancel().cancelled() => {
                        let ended = ExitOutcome::Cancelled(Stopped::Stopped);
                        let ending = outcome.exit.close(ended, limit);
                        return (ending, outcome);
                    }
                }
            }
        };
        match report {
            Ok(report) => (Ending::completed(), outcome.with(report, context).await),
            Err(error) => (error.into(), outcome),
        }
    }

    fn render(job: &Header, outcome: &LookupOutcome, shown: &ShownOutput) -> String {
        let LookupOutcome { exit, found, .. } = outcome;
        let heading = match &found.heading {
            Some(heading) => heading.clone(),
            None => headline(job, &outcome.printed, exit),
        };
        let mut text = AnswerText::of(job, heading);
        for note in &found.notes {
            text.note(note);
        }
        text.output(shown);
        text.end()
    }
}

impl LookupOutcome {
    /// Keeps what was found.
    async fn with(mut self, report: FileReport, context: &Context<'_>) -> Self {
        let Streams { mut stdout, stderr } = context.begin_output();
        stdout.push(report.text.as_bytes());
        stdout.finish().await;
        self.printed.keep(&stdout, &stderr);
        self.exit.code = Some(0);
        self.found = Findings {
            heading: Some(report.heading),
            notes: report.notes,
            sha256: report.sha256,
        };
        self
    }
}
