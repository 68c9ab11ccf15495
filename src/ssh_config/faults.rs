//! Files that are wrong, endless or hostile.

use super::named_hosts;
use super::tests::{Machine, config};

#[test]
fn loops_depth_and_bad_files_are_errors_with_their_place() {
    let machine = Machine::with(&[(".ssh/config", "\nInclude a"), (".ssh/a", "Include config")]);
    let error = machine.error();
    assert_eq!(
        error,
        "~/.ssh/a:1 includes ~/.ssh/config, which leads to this line"
    );
    assert_eq!(named_hosts(&machine.files()), Err(error));

    let chain = |length: usize| {
        let mut contents = vec![(".ssh/config".to_owned(), "Include 1".to_owned())];
        contents.extend((1..length).map(|n| (format!(".ssh/{n}"), format!("Include {}", n + 1))));
        contents.push((format!(".ssh/{length}"), "Port 5".to_owned()));
        let contents: Vec<_> = contents
            .iter()
            .map(|(name, content)| (name.as_str(), content.as_str()))
            .collect();
        Machine::with(&contents)
    };
    assert_eq!(chain(16).host("web").port, Some(5));
    assert!(chain(17).error().starts_with("~/.ssh/16:1 "));

    let huge = Machine::with(&[(".ssh/config", &"#".repeat(2 << 20))]);
    assert!(huge.error().starts_with("~/.ssh/config is larger"));
    let machine = Machine::with(&[("etc/ssh_config", "Include ~/x")]);
    assert!(machine.error().contains("etc/ssh_config:1 "));
}

#[test]
fn wrong_lines_are_errors_with_their_place() {
    for (line, part) in [
        ("User \"a", "quote"),
        ("User", "nothing after `User`"),
        ("User \"\"", "nothing after `User`"),
        ("User # a", "nothing after `User`"),
        ("User a b", "more than one"),
        ("Port zzz", "`Port` in ~/.ssh/config:2 has a value"),
        ("Host \"\"", "empty"),
        ("Host 'a", "quote"),
        ("Match", "nothing after `Match`"),
        ("Match # x", "no condition"),
        ("Match host", "nothing after `host`"),
        ("Match exec 'a", "quote"),
        ("HostName %n", "`%n`"),
        ("IdentityFile ${NONE}/x", "`NONE`"),
        ("IdentityFile ~other/x", "another user"),
        ("IdentityAgent $a-b", "names no environment variable"),
        ("ProxyJump a,,b", "names no hosts"),
        ("ProxyCommand nc %z", "`%z`"),
        ("UserKnownHostsFile none /a", "next to"),
        ("StrictHostKeyChecking maybe", "not understood"),
        ("ServerAliveInterval soon", "not understood"),
        ("RefuseConnection not today", "says: not today"),
        ("User a\0b", "UTF-8"),
        ("Include [", "pattern"),
    ] {
        let error = config(&format!("Host *\n{line}\n")).error();
        assert!(error.contains("~/.ssh/config:2"), "{line}: {error}");
        assert!(error.contains(part), "{line}: {error}");
        if line != "User" && !line.starts_with(['H', 'M']) {
            let host = config(&format!("Host other\n{}\n", line.replace('\0', ""))).host("web");
            assert_eq!(host.user, None, "{line}");
        }
    }
}

#[test]
fn comments_may_be_in_any_encoding_but_values_may_not() {
    let machine = config("");
    let path = machine.below(".ssh/config");
    std::fs::write(&path, b"\xef\xbb\xbfUser a\r\n # caf\xe9\nPort 5\r\n").unwrap();
    let host = machine.host("web");
    assert_eq!((host.user.as_deref(), host.port), (Some("a"), Some(5)));
    std::fs::write(&path, b"User caf\xe9\n").unwrap();
    assert!(machine.error().contains("config:1 is not text"));
}

#[test]
fn names_that_are_none_are_refused() {
    let machine = config("ProxyCommand nc %h");
    for host in ["", "-oProxyCommand=x", "a;b", "$(x)", "a b", "a\nb"] {
        assert!(machine.asked(host, None).is_err(), "{host}");
    }
    assert!(machine.asked("web", Some("a;b")).is_err());
    assert!(machine.asked("fe80::1%eth0", Some(r"DOM\me")).is_ok());
}

/// Resolving ends with an answer for any contents of the files.
#[test]
fn no_input_makes_it_panic() {
    let pieces = [
        "Host",
        "Match",
        "Include",
        "User",
        "Port",
        "ProxyJump",
        "exec",
        "final",
        "all",
        "host",
        " ",
        "\t",
        "=",
        "\"",
        "'",
        "\\",
        "#",
        "\n",
        "\r\n",
        "%",
        "%h",
        "${",
        "}",
        "~",
        "~/",
        "*",
        "?",
        "[",
        "]",
        "!",
        ",",
        "@",
        ":",
        "/",
        "é",
        "\0",
        "none",
        "0",
        "99999999999",
        "ssh://",
        "IdentityFile",
        "IdentityAgent",
        "$",
        "Ciphers",
        "+",
        "ConnectTimeout",
        "1w",
        "config",
    ];
    let machine = config("");
    let mut state: usize = 1;
    let mut next = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % bound
    };
    for _ in 0..3000 {
        let text: String = (0..next(60)).map(|_| pieces[next(pieces.len())]).collect();
        std::fs::write(machine.below(".ssh/config"), text).unwrap();
        let _ = machine.asked("web", None);
        let _ = named_hosts(&machine.files());
    }
}

#[test]
fn endless_lists_come_to_an_end() {
    let lines = |line: &dyn Fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    let machine = config(&lines(&|n| format!("Nonsense{n} x\n")));
    assert_eq!(machine.host("web").notes.len(), 100);
    let machine = config(&lines(&|n| format!("IdentityFile /{n}\n")));
    assert!(machine.error().contains("config:101 is one more than 100"));
    let machine = config(&lines(&|_| "Include /*/*no-such-file\n".to_owned()));
    assert!(machine.error().contains("leads to more than"));
    let machine = config(&lines(&|_| "Include other\n".to_owned()));
    std::fs::write(machine.below(".ssh/other"), "").unwrap();
    assert!(machine.error().contains("one `Include` too many"));
}
