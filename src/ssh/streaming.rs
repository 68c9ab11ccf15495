//! Commands that would print for ever.

/// Whether a command line has a part that goes on until it is stopped, such as `tail -f`.
pub fn is_streaming(line: &str) -> bool {
    segments(line).iter().any(|words| streams(words))
}

/// The words of each command of a line: what follows a `;`, `&&`, `||` or a newline. Of a pipe only
/// its first part counts: the others end when it does.
fn segments(line: &str) -> Vec<Vec<String>> {
    let mut segments = vec![Vec::new()];
    let (mut word, mut quote, mut piped) = (String::new(), None, false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ' ' | '\t' | '|' | '&' | ';' | '\n') => {
                let finished = std::mem::take(&mut word);
                if let (false, false, Some(segment)) =
                    (finished.is_empty(), piped, segments.last_mut())
                {
                    segment.push(finished);
                }
                let doubled = characters.peek() == Some(&character);
                match character {
                    '|' if !doubled => piped = true,
                    '|' | '&' | ';' | '\n' => {
                        segments.push(Vec::new());
                        piped = false;
                    }
                    _ => {}
                }
            }
            _ => word.push(character),
        }
    }
    if let (false, Some(segment)) = (piped || word.is_empty(), segments.last_mut()) {
        segment.push(word);
    }
    segments
}

fn streams(words: &[String]) -> bool {
    let mut words = words.iter().map(String::as_str).peekable();
    // What only changes how the program is started.
    while let Some(word) = words.peek() {
        let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        let is_prefix = ["sudo", "env", "nohup", "exec", "nice", "stdbuf", "doas"].contains(word);
        if !is_assignment && !is_prefix && !word.starts_with('-') {
            break;
        }
        words.next();
    }
    let Some(program) = words.next().and_then(|word| word.rsplit('/').next()) else {
        return false;
    };
    let rest: Vec<_> = words.collect();
    let has = |long: &str, short: char| {
        rest.iter().any(|word| {
            let is_short = word.starts_with('-') && !word.starts_with("--") && word.contains(short);
            is_short
                || *word == long
                || word
                    .strip_prefix(long)
                    .is_some_and(|rest| rest.starts_with('='))
        })
    };
    let follows = has("--follow", 'f');
    match program {
        "tail" => follows || has("--follow", 'F'),
        "journalctl" | "kubectl" | "crictl" | "nerdctl" => follows,
        "docker" | "podman" | "docker-compose" => {
            rest.contains(&"logs") && follows
                || rest.contains(&"stats") && !rest.contains(&"--no-stream")
        }
        "pm2" => {
            rest.first()
                .is_some_and(|word| ["logs", "log"].contains(word))
                && !rest.contains(&"--nostream")
                || rest.contains(&"monit")
        }
        "dmesg" => has("--follow", 'w'),
        "ping" | "ping6" => !has("--count", 'c'),
        "top" => !has("--iterations", 'n'),
        "watch" | "htop" | "atop" | "iftop" | "iotop" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_for_ever_is_recognised_behind_what_starts_it() {
        for line in [
            "tail -f /var/log/syslog",
            "tail -n 5 -F x",
            "tail --follow=name x",
            "pm2 logs",
            "pm2 logs api --lines 5",
            "sudo journalctl -u ssh -f",
            "docker logs -f web",
            "docker compose logs --follow",
            "watch -n 1 date",
            "top",
            "LANG=C sudo tail -f x | grep error",
            "cd /var/log && tail -fn3 syslog",
            "/usr/bin/tail -f x",
            "ping localhost",
        ] {
            assert!(is_streaming(line), "{line}");
        }
    }

    #[test]
    fn what_ends_by_itself_is_not() {
        for line in [
            "tail -n 5 x",
            "cat f | tail -f",
            "echo 'tail -f x'",
            "pm2 logs --nostream",
            "docker logs web",
            "grep -f p x",
            "ping -c 3 localhost",
            "top -b -n 1",
            "journalctl -u ssh",
            "docker stats --no-stream",
            "echo top",
            "",
        ] {
            assert!(!is_streaming(line), "{line}");
        }
    }
}
