//! The command policy, which refuses commands: a guard rail against accidents, not a sandbox.
//!
//! A command line is parsed as a shell would parse it, and every simple command in it is compared with the
//! rules. Simple commands are found in lists, pipes, groups, conditions, loops and functions; in `$(…)`,
//! backticks and `<(…)`; in the commands that `sudo`, `env`, `sh -c`, `xargs`, `find -exec`, `ssh` and the
//! like run; and in text that a shell reads from its input or from a file that the line writes before.
//! Variables, arrays, arguments, functions, `cd`, and the output of `echo`, `dirname` and the like are
//! followed as far as the text itself determines them.
//!
//! # Rules
//!
//! A rule is words, split as a shell splits them; a quoted character stands for itself.
//!
//! | word of a rule | arguments that meet it |
//! |---|---|
//! | the first word | the program's name, in any directory and with any version after it; with a `/`, its path |
//! | `-rf` | these letters among the options, in any clusters and order, or their long names |
//! | `--volumes` | this option, with a value or without |
//! | `/etc`, `of=/dev/sda` | a path, once `..`, `//`, `~` and the working directory are resolved; also `/etc/*` |
//! | any other | an argument with exactly this text |
//! | `>/etc/passwd` | a redirection that writes there; in a block rule also `tee`, `cp`, `mv`, `sed -i`, `dd of=` and the like |
//! | `!word` | none may: the rule does not hold if an argument meets `word` |
//! | `...` | an operand, before or after its neighbour; the last word behind one is the target: `cp ... /etc/passwd` |
//! | `*` alone | any arguments, or none |
//!
//! `?`, `[a-z]` and `*` stand for characters other than `/`, `**` for any, and `{a,b}` for either.
//! `@system`, `@data`, `@disk`, `@accounts`, `@shadows`, `@keys`, `@footholds`, `@access` and `@signal` stand for
//! lists of words.
//!
//! A *block* rule holds if each of its words is met by some argument, in any order. A variable that the
//! text does not set may be empty: `rm -rf "$DIR/"` counts as `rm -rf /`, and `rm -rf "${DIR:?}/"` does not.
//! A command that only asks (`--help`) is refused by no rule about its program. A command that only tries
//! (`mkfs.ext4 -n`, `rsync --dry-run`) is refused only by rules with a lone `*`.
//!
//! If there are *allow* rules, each command needs one that describes it completely: its words in their order,
//! a word with a `*` for one or more arguments, each file that is written to, and nothing else. A command
//! that only starts another (`sudo`, `timeout`, `sh -c`) needs no rule of its own. `find`, `xargs`,
//! `docker exec` and `ssh` need one besides that of the command that they start, unless one rule without a
//! lone `*` spells out both. A text that is not in a shell's syntax is refused.
//!
//! A file that is uploaded is judged as `* >PATH`, with no program. A file that a file tool reads is judged as
//! `file_read PATH`. Key and shadow files (`@keys`, `@shadows`) take an allow rule about `file_read`; such rules
//! are about nothing else, so commands need none for them.
//!
//! Tunnels have rules of their own, about the places that they lead to ([`TunnelRule`]).
//!
//! # Modules
//!
//! | module | what it is |
//! |---|---|
//! | `judge`, `walk`, `runner` | the judge, its walk through the syntax tree, and its treatment of one call |
//! | `environment`, `expand`, `expansion`, `value`, `modifier`, `number` | variables, and the words that are expanded by them |
//! | `simple_command`, `redirect`, `builtin`, `read_builtins` | the parts of the language that change the environment |
//! | `call`, `redundant`, `dry_run`, `path` | a program with its arguments, in the form that rules are compared with |
//! | `wrapper`, `find`, `script` | the commands that a call runs |
//! | `output`, `printing`, `utility` | the output of commands, where the text says what it is |
//! | `writes`, `upload`, `reads`, `terminal_input` | files that are written or read, and input that is typed |
//! | `pattern`, `rule_word`, `rule_text`, `choice`, `glob` | rules, and the test whether one holds |
//! | `tunnel`, `metadata` | the places that tunnels lead to, and clouds' metadata services among them |
//! | `permit`, `default` | allow rules, and the default block rules |
//! | `text_fallback` | texts that the parser cannot read |

mod builtin;
mod call;
mod choice;
mod default;
mod dry_run;
mod environment;
mod expand;
mod expansion;
mod find;
mod glob;
mod judge;
mod metadata;
mod modifier;
mod mount;
mod number;
mod output;
mod path;
mod pattern;
mod permit;
mod printing;
mod read_builtins;
mod reads;
mod redirect;
mod redundant;
mod rule_text;
mod rule_word;
mod runner;
mod script;
mod simple_command;
mod terminal_input;
mod text_fallback;
mod tunnel;
mod upload;
mod utility;
mod value;
mod walk;
mod wrapper;
mod writes;

pub use default::DEFAULT_BLOCKLIST;
pub use pattern::Pattern;
pub use tunnel::{TunnelPlace, TunnelRule};

/// Most bytes of a text without a space.
const MAX_WORD: usize = 256 * 1024;
/// Most steps for judging one text.
const MAX_STEPS: usize = 50_000;

/// `Ok` if a text may be run.
type Judgement = Result<(), Refusal>;

/// Block rules and allow rules.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    block: Vec<Pattern>,
    allow: Vec<Pattern>,
    /// Allow rules about files that file tools read.
    readable: Vec<Pattern>,
    /// Rules for tunnels.
    tunnels: Vec<TunnelRule>,
}

/// The reason why a text is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The block rule that holds; `None` if no allow rule does, or the text cannot be judged.
    pub rule: Option<String>,
    /// The command that it is about, as it is written.
    pub part: String,
    /// The problem with it.
    pub reason: String,
    /// A suggestion that would pass.
    pub hint: String,
}

impl Policy {
    /// A policy of these rules. Without allow rules, everything is allowed that is not blocked.
    pub fn new(block: Vec<Pattern>, allow: Vec<Pattern>) -> Self {
        let (readable, allow) = allow.into_iter().partition(Pattern::is_about_reading);
        Self {
            block,
            allow,
            readable,
            tunnels: Vec::new(),
        }
    }

    /// Refuses a text for one shell that the rules forbid. Steps of a sequence are one text, joined by
    /// newlines.
    pub fn judge(&self, text: &str) -> Result<(), Refusal> {
        self.judge_given(text, None)
    }

    /// Refuses a text that the rules forbid where its commands read this input.
    pub fn judge_reading(&self, text: &str, input: &str) -> Result<(), Refusal> {
        self.judge_given(text, Some(input))
    }

    fn judge_given(&self, text: &str, input: Option<&str>) -> Result<(), Refusal> {
        let judged = judge::Judge::new(&self.block, &self.allow).text(text, input);
        judged.map_err(|mut refusal| {
            if refusal.part.is_empty() {
                // It is about the whole text.
                refusal.part = text.chars().take(80).chain(['…']).collect();
            }
            refusal
        })
    }
}

impl Refusal {
    fn beyond(reason: &str) -> Self {
        Self {
            rule: None,
            part: String::new(),
            reason: reason.to_owned(),
            hint: "Write shorter and plainer commands, or upload a script and run that.".into(),
        }
    }
}
