//! The declarations of prompts.

/// A prompt.
pub(in crate::server) struct PromptDeclaration {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) arguments: &'static [ArgumentDeclaration],
    /// The text, with each argument's name in braces where its value goes.
    pub(super) text: &'static str,
}

/// An argument of a prompt.
pub(in crate::server) struct ArgumentDeclaration {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) kind: ArgumentKind,
    /// The text in its place if it is left out; `None` if it is required.
    pub(super) if_absent: Option<&'static str>,
}

/// The kind of an argument. Its check and its completion follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum ArgumentKind {
    /// The alias of a server that is there, or an expression for several.
    Alias,
    /// A path on this machine that transfers may touch.
    LocalPath,
    /// Any other text.
    Text,
}

impl PromptDeclaration {
    /// The kind of the argument of this name, if there is one.
    pub(in crate::server) fn kind_of(&self, argument: &str) -> Option<ArgumentKind> {
        let mut arguments = self.arguments.iter();
        let found = arguments.find(|one| one.name == argument);
        found.map(|argument| argument.kind)
    }
}

pub(super) const PROMPTS: &[PromptDeclaration] = &[
    PromptDeclaration {
        name: "add_server",
        title: "Add a server",
        description: "Register an SSH server, without a password in the conversation, and see that it answers.",
        arguments: &[
            ArgumentDeclaration {
                name: "alias",
                description: "The name it gets here.",
                kind: ArgumentKind::Text,
                if_absent: Some("propose a short one"),
            },
            ArgumentDeclaration {
                name: "host",
                description: "Its name or IP address.",
                kind: ArgumentKind::Text,
                if_absent: Some("ask me"),
            },
            ArgumentDeclaration {
                name: "user",
                description: "The user to log in as.",
                kind: ArgumentKind::Text,
                if_absent: Some("ask me"),
            },
        ],
        text: include_str!("add_server.txt"),
    },
    PromptDeclaration {
        name: "investigate",
        title: "Investigate a machine",
        description: "Find out what is wrong on a server, without changing anything.",
        arguments: &[
            ArgumentDeclaration {
                name: "alias",
                description: "The server's alias.",
                kind: ArgumentKind::Alias,
                if_absent: None,
            },
            ArgumentDeclaration {
                name: "problem",
                description: "What you have noticed.",
                kind: ArgumentKind::Text,
                if_absent: Some("nothing in particular; look for what stands out"),
            },
        ],
        text: include_str!("investigate.txt"),
    },
    PromptDeclaration {
        name: "deploy",
        title: "Deploy safely",
        description: "Bring a file or directory to a server, with a copy of what was there and a look whether it works.",
        arguments: &[
            ArgumentDeclaration {
                name: "alias",
                description: "The server's alias.",
                kind: ArgumentKind::Alias,
                if_absent: None,
            },
            ArgumentDeclaration {
                name: "local",
                description: "The file or directory on this machine.",
                kind: ArgumentKind::LocalPath,
                if_absent: None,
            },
            ArgumentDeclaration {
                name: "remote",
                description: "Its place on the server.",
                kind: ArgumentKind::Text,
                if_absent: None,
            },
        ],
        text: include_str!("deploy.txt"),
    },
    PromptDeclaration {
        name: "catch_up",
        title: "What happened while I was away",
        description: "A report on the tasks that ended, failed or still run.",
        arguments: &[ArgumentDeclaration {
            name: "alias",
            description: "Only this server; all of them if left out.",
            kind: ArgumentKind::Alias,
            if_absent: Some("all servers"),
        }],
        text: include_str!("catch_up.txt"),
    },
];
