//! The kinds of shells, and how each is made to tell the end of a command.
//!
//! A shell prints a control sequence of our own with its prompt, which no display shows: the exit status of the
//! command before, and the working directory. It has a random word, which programs that the shell runs are not told.

/// The kind of a program at a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A shell that expands `$?` in its prompt: bash, dash, ash, ksh.
    Posix,
    Zsh,
    Fish,
    /// csh and tcsh.
    Csh,
    /// Anything else, whose prompt is learnt.
    Other,
}

/// The signal of a program that starts: its process, and its name.
pub(super) const START: &str = "start";
/// The signal of a prompt: the exit status of the last command, and the directory.
pub(super) const PROMPT: &str = "prompt";
/// The signal of a prompt for the rest of a command.
pub(super) const MORE: &str = "more";
/// The signal of a command that begins, of a shell that shows what is typed.
pub(super) const BEGIN: &str = "begin";

const POSIX: &str = " unset HISTFILE; stty -echo; PS1=$(printf '\\033]%s;prompt;$?;$PWD\\007' @TOKEN@); PS2=$(printf '\\033]%s;more\\007' @TOKEN@); if [ -n \"${BASH_VERSION-}\" ]; then set +o emacs +o vi +o histexpand; mcp_prompt=$PS1; PROMPT_COMMAND='PS1=$mcp_prompt'; elif [ -n \"${KSH_VERSION-}\" ]; then set +o emacs +o vi; fi\n";

const ZSH: &str = " unset HISTFILE RPROMPT; stty -echo; unsetopt zle banghist prompt_sp prompt_cr; setopt prompt_percent interactive_comments; precmd_functions=() preexec_functions=(); mcp_prompt=$(printf '%%{\\033]%s;prompt;%%?;%%/\\007%%}' @TOKEN@); PS2=$(printf '%%{\\033]%s;more\\007%%}' @TOKEN@); precmd() { PS1=$mcp_prompt }\n";

const FISH: &str = " set -g fish_history ''; set -g fish_autosuggestion_enabled 0; function fish_right_prompt; end; function fish_mode_prompt; end; function mcp_begin --on-event fish_preexec; printf '\\e]%s;begin\\a' @TOKEN@; end; function fish_prompt; printf '\\e]%s;prompt;%s;%s\\a' @TOKEN@ $status $PWD; end\n";

const CSH: &str = " unset edit autologout correct savehist; set histchars = ''; set prompt = '%{\\033]@TOKEN@;prompt;%?;%/\\007%}'; set prompt2 = '%{\\033]@TOKEN@;more\\007%}'; stty -echo\n";

impl Dialect {
    /// The kind of a program by its name.
    pub(super) fn of(name: &str) -> Self {
        match name.trim_start_matches('-') {
            "bash" | "sh" | "dash" | "ash" | "ksh" | "ksh93" | "mksh" | "yash" | "posh" => {
                Self::Posix
            }
            "zsh" => Self::Zsh,
            "fish" => Self::Fish,
            "csh" | "tcsh" => Self::Csh,
            _ => Self::Other,
        }
    }

    /// The text that is typed to it at its start.
    pub(super) fn setup(self, token: &str) -> Option<String> {
        let text = match self {
            Self::Posix => POSIX,
            Self::Zsh => ZSH,
            Self::Fish => FISH,
            Self::Csh => CSH,
            Self::Other => return None,
        };
        Some(text.replace("@TOKEN@", token))
    }

    /// Returns whether it shows a prompt of its own for each line that it reads, and nothing in between.
    pub(super) fn counts_lines(self) -> bool {
        matches!(self, Self::Posix | Self::Zsh | Self::Csh)
    }
}
