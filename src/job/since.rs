//! The answer about a job to which a caller has typed: what has come of it since.

use std::sync::Arc;

use serde::Serialize;

use super::answer::{AnswerText, ShownOutput};
use super::excerpt::{OutputView, StreamOf};
use super::id::JobId;
use super::page::Selection;
use super::record::Job;
use super::runner::Jobs;
use super::status::Status;
use super::stream::Stream;
use crate::error::Error;
use crate::fs::blocking;
use crate::ssh::prompt::link::TypedPlace;
use crate::time::brief;

/// A text that a caller has typed.
#[derive(Debug)]
pub struct TypedLine {
    /// The line at which the command waited for it; empty if it did not.
    pub waited_at: String,
    /// The text, as a terminal shows it; empty if it shows none.
    pub shown: String,
    /// The place in the output at which it was typed.
    pub place: TypedPlace,
}

/// The state of a job since a text was typed to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InputAnswer {
    id: JobId,
    /// `done`, `waiting` or `running`.
    state: &'static str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u32>,
    /// The line at which it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    /// The output since then.
    output: String,
    /// The answer for people; none about a failure before which nothing came.
    #[serde(skip)]
    pub text: Option<String>,
}

impl Jobs {
    /// Answers what has come of a job since a text was typed to it.
    pub async fn answer_since(&self, job: &Job, typed: &TypedLine) -> Result<InputAnswer, Error> {
        let prompt = self.prompt_of(&job.id).filter(|_| job.status.is_live());
        let since = match typed.place.get() {
            Some(place) if job.printed().is_some() => {
                let output = self.output_since(job, place).await?;
                Some(typed.without_echo(&output, prompt.as_deref()).to_owned())
            }
            // The steps of a sequence have outputs of their own.
            _ => None,
        };
        let text = if job.status.is_live() {
            Some(text_of_live(job, prompt.as_deref(), since.as_deref()))
        } else {
            let shown = match &since {
                Some(output) => ShownOutput {
                    stdout: output.clone(),
                    is_part: true,
                    ..ShownOutput::default()
                },
                None => self.shown(job, &OutputView::default()).await?,
            };
            let says_nothing = job.failure().is_some() && shown.is_empty();
            (!says_nothing).then(|| job.text(&shown))
        };
        Ok(InputAnswer {
            id: job.id.clone(),
            state: match &prompt {
                Some(_) => "waiting",
                None if job.status.is_live() => "running",
                None => "done",
            },
            status: job.status,
            exit_code: job.exit_code(),
            prompt,
            output: since.unwrap_or_default(),
            text,
        })
    }

    /// The standard output of a job from a place on, cut as an answer is.
    async fn output_since(&self, job: &Job, place: u64) -> Result<String, Error> {
        let (outputs, id, charset) = (Arc::clone(self.outputs()), job.id.clone(), job.charset());
        let (grows, failed) = (job.status.is_live(), job.exit_code() != Some(0));
        let text = job.output(Stream::Stdout).unwrap_or_default().to_owned();
        blocking(move || {
            let blob = outputs.blob(&id, Stream::Stdout);
            let stream = StreamOf {
                id: &id,
                stream: Stream::Stdout,
                charset,
                from: place,
                grows,
                failed,
                read: |selection: &Selection| Ok(selection.read_kept(&blob, &text)?.0),
            };
            let view = OutputView::default();
            let excerpt = stream.excerpt(&view, view.budget());
            excerpt.map_err(|error| blob.failure("read", &error))
        })
        .await
    }
}

impl TypedLine {
    /// An output since the text was typed, without the line at which it was and without the prompt behind it.
    fn without_echo<'o>(&self, output: &'o str, prompt: Option<&str>) -> &'o str {
        let mut rest = output;
        // A device shows the line again.
        if let Some(after) = rest.trim_start().strip_prefix(self.waited_at.trim()) {
            rest = after.trim_start_matches(' ');
        }
        if let Some(after) = rest.strip_prefix(self.shown.as_str())
            && (after.is_empty() || after.starts_with(['\r', '\n']))
        {
            rest = after;
        }
        let rest = rest.trim_start_matches(['\r', '\n']);
        let before = prompt.and_then(|prompt| rest.trim_end().strip_suffix(prompt.trim()));
        match before {
            Some(before) if before.is_empty() || before.ends_with('\n') => before.trim_end(),
            _ => rest,
        }
    }
}

fn text_of_live(job: &Job, prompt: Option<&str>, since: Option<&str>) -> String {
    let headline = match prompt {
        Some(prompt) => format!("waiting at: {prompt}"),
        None => format!("{} for {}", job.status, brief(job.created_at.elapsed())),
    };
    let mut text = AnswerText::of(job, headline);
    if prompt.is_none() {
        text.note("task_wait waits for it, task_output shows all that it has printed.");
    }
    job.note_unreachable(&mut text);
    text.output(&ShownOutput {
        stdout: since.unwrap_or_default().to_owned(),
        ..ShownOutput::default()
    });
    text.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_what_was_typed_nor_a_prompt_is_output() {
        for (waited_at, shown, output, prompt, kept) in [
            ("Name:", "bob", "bob\nhello\nSure? ", Some("Sure?"), "hello"),
            ("Name:", "bob", "bob\nSure? ", Some("Sure?"), ""),
            ("Password:", "", "\nwelcome", None, "welcome"),
            (
                "Reload? [confirm]",
                "n",
                "Reload? [confirm]n\nkept",
                None,
                "kept",
            ),
            ("Name:", "bob", "bobby\nhello", None, "bobby\nhello"),
            ("", "", "more\nand more", None, "more\nand more"),
            ("a", "b", "b\nsaid: Sure?", Some("Sure?"), "said: Sure?"),
        ] {
            let typed = TypedLine {
                waited_at: waited_at.to_owned(),
                shown: shown.to_owned(),
                place: TypedPlace::default(),
            };
            assert_eq!(typed.without_echo(output, prompt), kept, "{output:?}");
        }
    }
}
