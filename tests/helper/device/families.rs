//! The words of each family: greeting, prompts, commands, complaints.

use mcp_sftp_orchestrator::demo::{PASSWORD, USER};

use super::ENABLE;
use super::console::{Console, Echo, Pager};

/// A family of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceFamily {
    /// Cisco IOS.
    Cisco,
    /// Huawei VRP.
    Huawei,
    /// MikroTik RouterOS.
    MikroTik,
    /// Zyxel with ZyNOS.
    Zyxel,
    /// A video recorder with a login and a menu at its terminal.
    Recorder,
}

const CISCO: Pager = Pager {
    line: " --More-- ",
    erase: "\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}          \u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}",
};
const HUAWEI: Pager = Pager {
    line: "  ---- More ----",
    erase: "\x1b[16D                \x1b[16D",
};
const MIKROTIK: Pager = Pager {
    line: "-- [Q quit|D dump|down]",
    erase: "\r\x1b[K",
};
const ZYXEL: Pager = Pager {
    line: "-- more --, next page: Space, continue: c, quit: ^C",
    // It leaves the line standing.
    erase: "\r\n",
};

/// Serves a terminal to its end. `note` gets each line that is typed at a prompt.
pub async fn serve(family: DeviceFamily, console: Console, note: impl Fn(&str)) {
    match family {
        DeviceFamily::Cisco => cisco(console, note).await,
        DeviceFamily::Huawei => huawei(console, note).await,
        DeviceFamily::MikroTik => mikrotik(console, note).await,
        DeviceFamily::Zyxel => zyxel(console, note).await,
        DeviceFamily::Recorder => recorder(console, note).await,
    }
}

fn numbered(count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("line {number} of the table"))
        .collect()
}

async fn cisco(mut console: Console, note: impl Fn(&str)) {
    let (mut name, mut level, mut mode) = ("Router".to_owned(), '>', "");
    console
        .print("\r\nAuthorized access only #####\r\n\r\n")
        .await;
    while !console.is_over {
        let line = console
            .line(&format!("{name}{mode}{level}"), Echo::Scrolling)
            .await;
        note(&line);
        let words: Vec<_> = line.split_whitespace().collect();
        match (mode, words.as_slice()) {
            (_, []) | ("(config-if)", ["description", ..]) => {}
            ("", ["terminal", "length", "0"]) => console.page = None,
            ("", ["show", "paged"]) => {
                console.page = Some(23);
                console.pages(&numbered(60), CISCO).await;
            }
            ("", ["show", "version"]) => {
                console
                    .print("Cisco IOS Software\r\nuptime is 3 weeks\r\n")
                    .await;
            }
            ("", ["show", "table"]) => console.pages(&numbered(60), CISCO).await,
            ("", ["show", "huge", blocks]) => {
                for _ in 0..blocks.parse().unwrap() {
                    let lines: Vec<_> = (0..100)
                        .map(|number| {
                            format!("{number:02} is a line of fifty bytes, with all its blanks\r\n")
                        })
                        .collect();
                    console.print(&lines.concat()).await;
                }
            }
            ("", ["show", "confusing"]) => {
                console
                    .print("Router#\r\nRouter>show version\r\nRouter")
                    .await;
                console.pause(250).await;
                console.print("#is no prompt\r\ncut in the mid").await;
                console.pause(250).await;
                console.print("dle\r\n").await;
            }
            ("", ["show", "secret"]) => {
                console.print(&format!("enable secret {ENABLE}\r\n")).await;
            }
            ("", ["enable"]) => {
                let password = console.line("Password: ", Echo::Hidden).await;
                if password == ENABLE {
                    level = '#';
                } else {
                    console.print("% Access denied\r\n\r\n").await;
                }
            }
            ("", ["configure", "terminal"]) if level == '#' => {
                mode = "(config)";
                console
                    .print("Enter configuration commands, one per line.  End with CNTL/Z.\r\n")
                    .await;
            }
            ("(config)" | "(config-if)", ["interface", _]) => mode = "(config-if)",
            ("(config)", ["hostname", new]) => name = (*new).to_owned(),
            ("(config)" | "(config-if)", ["end"]) | ("(config)", ["exit"]) => mode = "",
            ("(config-if)", ["exit"]) => mode = "(config)",
            ("", ["exit"]) => return,
            ("", ["reload"]) => {
                console.print("Proceed with reload? [confirm]").await;
                if console.key().await == Some(b'n') {
                    console.print("\r\n").await;
                    continue;
                }
                return;
            }
            ("", ["copy", "running-config", "startup-config"]) => {
                let prompt = "Destination filename [startup-config]? ";
                console.line(prompt, Echo::Scrolling).await;
                console.print("Building configuration...\r\n[OK]\r\n").await;
            }
            ("", ["ping", _]) => {
                console.for_ever("!").await;
                console.print("\r\nSuccess rate is 100 percent\r\n").await;
            }
            _ => {
                let complaint = "          ^\r\n% Invalid input detected at '^' marker.\r\n\r\n";
                console.print(complaint).await;
            }
        }
    }
}

async fn huawei(mut console: Console, note: impl Fn(&str)) {
    let (mut name, mut view) = ("HUAWEI".to_owned(), None);
    console
        .print("\r\nInfo: The max number of VTY users is 5.\r\n      The current login time is 2026-11-26 22:08:26.\r\n")
        .await;
    while !console.is_over {
        let prompt = match &view {
            None => format!("<{name}>"),
            Some(view) => format!("[{name}{view}]"),
        };
        let line = console.line(&prompt, Echo::Wrapping).await;
        note(&line);
        let words: Vec<_> = line.split_whitespace().collect();
        match (&view, words.as_slice()) {
            (_, []) | (Some(_), ["description", ..]) => {}
            (None, ["screen-length", "0", "temporary"]) => {
                console.page = None;
                console
                    .print("Info: The configuration takes effect on the current user terminal interface only.\r\n")
                    .await;
            }
            (None, ["display", "table"]) => console.pages(&numbered(60), HUAWEI).await,
            (None, ["display", "paged"]) => {
                console.page = Some(23);
                console.pages(&numbered(60), HUAWEI).await;
            }
            (None, ["system-view"]) => {
                view = Some(String::new());
                console
                    .print("Enter system view, return user view with Ctrl+Z.\r\n")
                    .await;
            }
            (Some(_), ["interface", port]) => view = Some(format!("-{port}")),
            (Some(_), ["sysname", new]) => name = (*new).to_owned(),
            (Some(_), ["return"]) => view = None,
            (None, ["quit"]) => return,
            (None, ["save"]) => {
                let prompt = "The current configuration will be written to the device.\r\nAre you sure to continue? [Y/N]:";
                if console
                    .line(prompt, Echo::Wrapping)
                    .await
                    .eq_ignore_ascii_case("y")
                {
                    console
                        .print("Save the configuration successfully.\r\n")
                        .await;
                }
            }
            _ => {
                console
                    .print(
                        "             ^\r\nError: Unrecognized command found at '^' position.\r\n",
                    )
                    .await;
            }
        }
    }
}

async fn mikrotik(mut console: Console, note: impl Fn(&str)) {
    // It asks the terminal for its size.
    console
        .print("\x1bZ  \r\x1b[6n\x1b[9999B\x1b[9999C\x1b[6n")
        .await;
    console.answer(b'R').await;
    let size = console.answer(b'R').await;
    let rows = size.and_then(|size| size.rsplit('[').next()?.split(';').next()?.parse().ok());
    console.page = Some(rows.unwrap_or(24) - 1);
    console
        .print("\r\x1b[H\x1b[J\r\n  MikroTik RouterOS 7.16 (c) 1999-2024\r\n\r\n")
        .await;
    let mut path = String::new();
    while !console.is_over {
        let place = path.as_str();
        let prompt =
            format!("[\x1b[m\x1b[36m{USER}\x1b[m@\x1b[m\x1b[32mMikroTik\x1b[m\x1b[m] {place}> ");
        let line = console.line(&prompt, Echo::Redrawn).await;
        note(&line);
        match line.trim() {
            "" => {}
            "/system identity print" => console.print("  name: MikroTik\r\n").await,
            "/interface/print" => console.pages(&numbered(120), MIKROTIK).await,
            "/ip/address" => "/ip/address".clone_into(&mut path),
            "/" => path.clear(),
            "add" if !path.is_empty() => {
                console.print("failure: address is missing\r\n").await;
            }
            "print" if path == "/ip/address" => {
                console
                    .print("0  192.0.2.1/24  192.0.2.0  ether1\r\n")
                    .await;
            }
            "/quit" => return,
            other => {
                let word = other.split(' ').next().unwrap_or_default();
                console
                    .print(&format!(
                        "\x1b[31mbad command name {word} (line 1 column 1)\x1b[m\r\n"
                    ))
                    .await;
            }
        }
    }
}

async fn zyxel(mut console: Console, note: impl Fn(&str)) {
    console
        .print("Copyright (c) 1994 - 2012 ZyXEL Communications Corp.\r\n")
        .await;
    while !console.is_over {
        let line = console.line("ras> ", Echo::Wrapping).await;
        note(&line);
        match line.trim() {
            "" => {}
            "sys version" => console.print("\nZyNOS version: V4.00\n\r").await,
            "ip route status" => console.pages(&numbered(60), ZYXEL).await,
            "exit" => return,
            _ => console.print("Invalid command\r\n").await,
        }
    }
}

async fn recorder(mut console: Console, note: impl Fn(&str)) {
    loop {
        let user = console.line("\r\nlogin: ", Echo::Wrapping).await;
        let password = console.line("Password: ", Echo::Hidden).await;
        if (user.as_str(), password.as_str()) == (USER, PASSWORD) {
            break;
        }
        if console.is_over {
            return;
        }
        console.print("Login incorrect\r\n").await;
    }
    while !console.is_over {
        let menu = "\x1b[2J\x1b[H1) Status\r\n2) Cameras\r\n0) Logout\r\nSelect: ";
        let choice = console.line(menu, Echo::Wrapping).await;
        note(&choice);
        let text = match choice.trim() {
            "0" => return,
            "1" => "All disks are fine.",
            "2" => "4 cameras are recording.",
            _ => "Unknown option",
        };
        console
            .print(&format!("{text}\r\nPress any key to continue..."))
            .await;
        console.key().await;
    }
}
