//! Programs that take a password by an option or an argument of their own.

use std::ops::Range;

use super::words::{WrittenCommand, WrittenWord};

/// The forms in which an option of one letter gives a password.
#[derive(Clone, Copy, PartialEq)]
enum OptionForm {
    /// `-pPASSWORD` alone: with a space, the program asks.
    Attached,
    /// `-p PASSWORD` or `-pPASSWORD`.
    Either,
    /// `-u USER:PASSWORD`, with this letter between.
    AfterUser(char),
}

/// Programs, letters, and their form.
const OPTIONS: &[(&[&str], &str, OptionForm)] = &[
    (
        &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlcheck",
            "mysqlshow",
            "mysqlpump",
            "mysqlbinlog",
            "mysqlslap",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "mariadb-import",
            "mariadb-check",
            "mycli",
            "7z",
            "7za",
            "7zr",
            "7zz",
            "rar",
            "unrar",
        ],
        "p",
        OptionForm::Attached,
    ),
    (
        &[
            "sshpass",
            "mongo",
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
            "cqlsh",
            "rabbitmqadmin",
            "useradd",
            "usermod",
            "rdesktop",
            "ncftpput",
            "ncftpget",
            "psexec",
            "evil-winrm",
        ],
        "p",
        OptionForm::Either,
    ),
    (
        &["redis-cli", "keydb-cli", "valkey-cli"],
        "a",
        OptionForm::Either,
    ),
    (
        &[
            "sqlcmd",
            "bcp",
            "tsql",
            "ipmitool",
            "mosquitto_pub",
            "mosquitto_sub",
            "zip",
            "unzip",
            "cadaver",
        ],
        "P",
        OptionForm::Either,
    ),
    (
        &[
            "ldapsearch",
            "ldapadd",
            "ldapmodify",
            "ldapdelete",
            "ldappasswd",
            "ldapwhoami",
            "ldapcompare",
            "ldapmodrdn",
        ],
        "w",
        OptionForm::Either,
    ),
    (&["ldappasswd"], "sa", OptionForm::Either),
    (
        &[
            "snmpget",
            "snmpwalk",
            "snmpset",
            "snmpbulkwalk",
            "snmpgetnext",
        ],
        "cAX",
        OptionForm::Either,
    ),
    (&["ssh-keygen"], "NP", OptionForm::Either),
    (&["curl"], "uU", OptionForm::AfterUser(':')),
    (
        &["http", "https", "xh", "xhs"],
        "a",
        OptionForm::AfterUser(':'),
    ),
    (
        &["smbclient", "smbget", "smbmap", "rpcclient", "net"],
        "U",
        OptionForm::AfterUser('%'),
    ),
    (&["lftp"], "u", OptionForm::AfterUser(',')),
    (&["wget2", "aria2c"], "u", OptionForm::AfterUser(':')),
];

/// Options by name that give a user and a password.
const LOGINS: &[&str] = &["--creds", "--src-creds", "--dest-creds", "--auth"];

/// The same of curl. Others mean a user and a group by them.
const CURL_LOGINS: &[&str] = &["--user", "--proxy-user"];

/// Programs that log in somewhere by `login -p PASSWORD`.
const REGISTRIES: &[&str] = &[
    "docker", "podman", "buildah", "nerdctl", "skopeo", "az", "oc", "helm", "cf", "oras", "crane",
];

/// Programs, a word among their arguments, and the argument after that word which is a password, counted from 1.
const ARGUMENTS: &[(&str, &str, usize)] = &[
    ("mysqladmin", "password", 1),
    ("mariadb-admin", "password", 1),
    ("nmcli", "password", 1),
    ("redis-cli", "AUTH", 1),
    ("redis-cli", "auth", 1),
    ("redis-cli", "requirepass", 1),
    ("redis-cli", "masterauth", 1),
    ("rabbitmqctl", "add_user", 2),
    ("rabbitmqctl", "change_password", 2),
    ("grafana-cli", "reset-admin-password", 1),
    ("aws", "aws_secret_access_key", 1),
    ("aws", "aws_session_token", 1),
    ("vault", "login", 1),
    ("net", "user", 2),
    ("ipmitool", "password", 2),
];

/// Programs whose last argument is a password where they have this letter among their options.
const LAST: &[(&str, char)] = &[("htpasswd", 'b'), ("mosquitto_passwd", 'b')];

/// The passwords that a command gives to its program.
pub(super) fn find(command: &WrittenCommand) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // A program that runs another has it among its words: docker exec db mysql -p…
    for (place, word) in command.words().iter().enumerate() {
        let program = word.text.rsplit('/').next().unwrap_or_default();
        let arguments = &command.words()[place + 1..];
        found.extend(by_letter(program, arguments));
        found.extend(by_argument(program, arguments));
        if REGISTRIES.contains(&program) && arguments.iter().any(|word| word.text == "login") {
            found.extend(option(arguments, 'p', OptionForm::Either));
        }
        if program == "openssl" || program == "keytool" {
            found.extend(after_prefix(arguments, "pass:"));
        }
        if program == "wpa_passphrase" {
            found.extend(arguments.get(1).and_then(WrittenWord::whole));
        }
        if program.starts_with("xfreerdp") || program.starts_with("wfreerdp") {
            found.extend(after_prefix(arguments, "/p:"));
        }
    }
    let uses_curl = command
        .words()
        .iter()
        .any(|word| word.text.ends_with("curl"));
    for (_, word, next) in command.neighbours() {
        let (name, value) = word.text.split_once('=').unwrap_or((&word.text, ""));
        let is_login = LOGINS.contains(&name) || uses_curl && CURL_LOGINS.contains(&name);
        if !is_login {
            continue;
        }
        let separator = |text: &str| text.find([':', '%']).map(|at| at + 1);
        if value.is_empty() {
            found.extend(next.and_then(|next| next.rest(separator(&next.text)?)));
        } else {
            let start = name.len() + 1;
            found.extend(separator(value).and_then(|at| word.rest(start + at)));
        }
    }
    found
}

/// The passwords that stand behind a prefix.
fn after_prefix(arguments: &[WrittenWord], prefix: &str) -> impl Iterator<Item = Range<usize>> {
    let words = arguments
        .iter()
        .filter(move |word| word.text.starts_with(prefix));
    words.filter_map(move |word| word.rest(prefix.len()))
}

fn by_letter(program: &str, arguments: &[WrittenWord]) -> Vec<Range<usize>> {
    let of_program = OPTIONS
        .iter()
        .filter(|(programs, ..)| programs.contains(&program));
    of_program
        .flat_map(|(_, letters, form)| letters.chars().map(move |letter| (letter, *form)))
        .flat_map(|(letter, form)| option(arguments, letter, form))
        .collect()
}

/// The passwords that options of this letter give.
fn option(arguments: &[WrittenWord], letter: char, form: OptionForm) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (index, word) in arguments.iter().enumerate() {
        let Some(letters) = word
            .text
            .strip_prefix('-')
            .filter(|rest| !rest.starts_with('-'))
        else {
            continue;
        };
        let next = arguments.get(index + 1);
        match form {
            OptionForm::Either if letters.len() == 1 && letters.starts_with(letter) => {
                found.extend(
                    next.filter(|next| !next.text.starts_with('-'))
                        .and_then(WrittenWord::whole),
                );
            }
            OptionForm::Attached | OptionForm::Either if letters.starts_with(letter) => {
                found.extend(word.rest(2));
            }
            // Others may stand before it: curl -su u:p.
            OptionForm::AfterUser(between) if letters.ends_with(letter) && is_cluster(letters) => {
                found.extend(next.and_then(|next| next.rest(next.text.find(between)? + 1)));
            }
            OptionForm::AfterUser(between) if letters.starts_with(letter) => {
                found.extend(word.text.find(between).and_then(|at| word.rest(at + 1)));
            }
            _ => {}
        }
    }
    found
}

fn is_cluster(letters: &str) -> bool {
    letters.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn by_argument(program: &str, arguments: &[WrittenWord]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (_, word, after) in ARGUMENTS.iter().filter(|(name, ..)| *name == program) {
        let place = arguments.iter().position(|argument| argument.text == *word);
        let given = place.and_then(|place| arguments.get(place + after));
        found.extend(
            given
                .filter(|given| !given.text.starts_with('-'))
                .and_then(WrittenWord::whole),
        );
    }
    for (_, letter) in LAST.iter().filter(|(name, _)| *name == program) {
        let is_it = |word: &WrittenWord| word.text.starts_with('-') && word.text.contains(*letter);
        if arguments.iter().any(is_it) {
            found.extend(arguments.last().and_then(WrittenWord::whole));
        }
    }
    found
}
