//! Operations as records hold them.

use std::borrow::Cow;
use std::time::Duration;

use super::operation::{Operation, Responses};
use super::record::Job;
use super::sequence::Step;
use super::status::Kind;
use crate::error::Error;
use crate::secret::{MASK, hide_of};
use crate::sftp::transfer::{Entry, Options, Request};
use crate::ssh::Bound;
use crate::ssh::prompt::secrecy;

impl Operation {
    /// A new pending job of this operation. Secrets that stand in its commands are not recorded.
    pub(super) fn new_job(&self, alias: &str) -> Job {
        let mut job = self.described(alias);
        let steps = job.commands.iter_mut().flatten();
        let files = job.files.iter_mut().flatten();
        let paths = files.flat_map(|entry| [&mut entry.local, &mut entry.remote]);
        let texts = steps
            .map(Step::command_mut)
            .chain(&mut job.cmd)
            .chain(paths)
            .chain(&mut job.local)
            .chain(&mut job.remote);
        let mut is_masked = false;
        for text in texts {
            is_masked |= hide_text(alias, text);
        }
        job.masked = is_masked.then_some(true);
        job
    }

    fn described(&self, alias: &str) -> Job {
        match self {
            Self::Exec {
                cmd,
                timeout,
                detach,
                bound,
            } => {
                let mut job = Job::new(Kind::Ssh, alias);
                job.cmd = Some(cmd.clone());
                job.timeout = *timeout;
                if *detach {
                    job.detach();
                }
                job.max_lines = bound.lines;
                job.stream_timeout = bound.time.map(|time| time.as_secs_f64());
                job
            }
            Self::Interactive {
                cmd,
                responses,
                auto_respond,
                timeout,
            } => {
                let mut job = Job::new(Kind::Ssh, alias);
                job.cmd = Some(cmd.clone());
                job.timeout = *timeout;
                job.interactive = Some(true);
                job.auto_respond = Some(*auto_respond);
                job.responses = Some(masked(responses));
                job
            }
            Self::Sequence {
                steps,
                continue_on_error,
                timeout,
            } => {
                let mut job = Job::new(Kind::SshSequence, alias);
                job.commands = Some(steps.clone());
                job.continue_on_error = Some(*continue_on_error);
                job.timeout = *timeout;
                job
            }
            Self::Transfer(request) => {
                let mut job = Job::new(Kind::Sftp, alias);
                job.direction = Some(request.direction);
                job.verify = request.options.verify.then_some(true);
                job.in_place = request.options.in_place.then_some(true);
                let follows = request.options.follow_directory_links;
                job.follow_directory_links = follows.then_some(true);
                job.part.clone_from(&request.part);
                match request.entries.as_slice() {
                    [Entry { local, remote }] if !request.patterns => {
                        job.local = Some(local.clone());
                        job.remote = Some(remote.clone());
                    }
                    entries => job.files = Some(entries.to_vec()),
                }
                job
            }
        }
    }

    /// The operation that a record describes, to be done again.
    pub(super) fn again(job: &Job) -> Result<Self, Error> {
        if job.masked == Some(true) {
            return Err(Error::NotRetryable {
                id: job.id.to_string(),
                reason: "its record does not hold the secret in its command".to_owned(),
            });
        }
        Self::of_job(job)
    }

    /// The operation that a record describes, as far as it is there.
    pub(super) fn of_job(job: &Job) -> Result<Self, Error> {
        // A retry goes on from the parts of the first try.
        let part = || job.part.clone().unwrap_or_else(|| job.id.to_string());
        let options = || Options {
            verify: job.verify == Some(true),
            in_place: job.in_place == Some(true),
            follow_directory_links: job.follow_directory_links == Some(true),
        };
        let unknown = |what: &str| {
            Err(Error::NotRetryable {
                id: job.id.to_string(),
                reason: format!("its record does not hold {what}"),
            })
        };
        match (job.kind, job) {
            (
                Kind::Ssh,
                Job {
                    cmd: Some(cmd),
                    interactive: Some(true),
                    responses,
                    ..
                },
            ) => {
                let responses = responses.clone().unwrap_or_default();
                if responses.values().any(|answer| answer == MASK) {
                    return unknown("its answers, which may be secrets");
                }
                Ok(Self::Interactive {
                    cmd: cmd.clone(),
                    responses,
                    auto_respond: job.auto_respond != Some(false),
                    timeout: job.timeout,
                })
            }
            (
                Kind::Ssh,
                Job {
                    cmd: Some(cmd),
                    timeout,
                    detach,
                    ..
                },
            ) => Ok(Self::Exec {
                cmd: cmd.clone(),
                timeout: *timeout,
                detach: *detach == Some(true),
                bound: Bound {
                    lines: job.max_lines,
                    time: job
                        .stream_timeout
                        .and_then(|time| Duration::try_from_secs_f64(time).ok()),
                },
            }),
            (
                Kind::Sftp,
                Job {
                    direction: Some(direction),
                    local: Some(local),
                    remote: Some(remote),
                    ..
                },
            ) => Ok(Self::Transfer(Request {
                direction: *direction,
                entries: vec![Entry {
                    local: local.clone(),
                    remote: remote.clone(),
                }],
                patterns: false,
                options: options(),
                part: Some(part()),
            })),
            (
                Kind::Sftp,
                Job {
                    direction: Some(direction),
                    files: Some(files),
                    ..
                },
            ) => Ok(Self::Transfer(Request {
                direction: *direction,
                entries: files.clone(),
                patterns: true,
                options: options(),
                part: Some(part()),
            })),
            (
                Kind::SshSequence,
                Job {
                    commands: Some(commands),
                    continue_on_error,
                    timeout,
                    ..
                },
            ) => Ok(Self::Sequence {
                steps: commands.clone(),
                continue_on_error: *continue_on_error == Some(true),
                timeout: *timeout,
            }),
            _ => unknown(&format!("a whole call of type `{}`", job.kind.name())),
        }
    }
}

impl Job {
    /// Masks the secrets in what others have said of the job: servers, commands, this system.
    pub(super) fn hide_secrets(&mut self) {
        let results = self.results.iter_mut().flatten();
        let failed = self.failed_files.iter_mut().flatten();
        let texts = failed
            .flat_map(|failed| [&mut failed.file, &mut failed.error])
            .chain(results.filter_map(|result| result.error.as_mut()))
            .chain(self.destinations.iter_mut().flatten())
            .chain(&mut self.error)
            .chain(&mut self.output);
        for text in texts {
            hide_text(&self.alias, text);
        }
    }
}

fn hide_text(alias: &str, text: &mut String) -> bool {
    let Cow::Owned(hidden) = hide_of(Some(alias), text) else {
        return false;
    };
    *text = hidden;
    true
}

/// The answers as a record may hold them.
fn masked(responses: &Responses) -> Responses {
    let shown = |(prompt, answer): (&String, &String)| {
        let answer = if secrecy::is_harmless(prompt, answer) {
            answer
        } else {
            MASK
        };
        (prompt.clone(), answer.to_owned())
    };
    responses.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sftp::transfer;

    #[test]
    fn a_record_holds_what_a_retry_needs() {
        let request = Request {
            direction: transfer::Direction::Download,
            entries: vec![Entry {
                local: "a".into(),
                remote: "b".into(),
            }],
            patterns: false,
            options: Options {
                verify: true,
                in_place: true,
                follow_directory_links: true,
            },
            part: None,
        };
        let job = Operation::Transfer(request).new_job("web1");
        let Operation::Transfer(again) = Operation::of_job(&job).unwrap() else {
            panic!("a transfer stays a transfer");
        };
        assert!(again.options.verify && again.options.follow_directory_links);
        assert_eq!(
            (
                again.entries[0].local.as_str(),
                again.entries[0].remote.as_str()
            ),
            ("a", "b")
        );
        assert!(again.options.verify && again.options.in_place);
        assert!(matches!(
            Operation::of_job(&Job::new(Kind::SshSequence, "web1")),
            Err(Error::NotRetryable { .. })
        ));
    }
}
