//! The jump host among the arguments that Ansible gives to `ssh`.

/// The arguments, as far as they concern the route to a host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SshArguments {
    /// The jump host as it is written: `user@host:port`.
    pub(super) jump: Option<String>,
    /// Set if the route is one that is not understood.
    pub(super) has_other_route: bool,
    /// Set if there is something besides the route.
    pub(super) has_more: bool,
}

impl SshArguments {
    /// Reads the arguments. Quotes and several jump hosts are left to a person.
    pub(super) fn parse(text: &str) -> Self {
        let mut arguments = Self::default();
        let is_plain = !text.contains(['\'', '"', '\\']);
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            let option = match word {
                "-J" => words.next().map(|jump| ("proxyjump".to_owned(), jump)),
                "-o" => words.next().and_then(keyword),
                _ => match word.strip_prefix("-J") {
                    Some(jump) => Some(("proxyjump".to_owned(), jump)),
                    None => word.strip_prefix("-o").and_then(keyword),
                },
            };
            match option {
                Some((name, jump)) if name == "proxyjump" => arguments.add_jump(jump, is_plain),
                Some((name, _)) if name == "proxycommand" => arguments.has_other_route = true,
                _ => arguments.has_more = true,
            }
        }
        arguments
    }

    fn add_jump(&mut self, jump: &str, is_plain: bool) {
        if jump.eq_ignore_ascii_case("none") {
            return;
        }
        // Of several values, `ssh` takes the first.
        if is_plain && !jump.contains(',') {
            self.jump.get_or_insert_with(|| jump.to_owned());
        } else {
            self.has_other_route = true;
        }
    }
}

/// The name of an option in small letters, and its value.
fn keyword(option: &str) -> Option<(String, &str)> {
    let option = option.trim_start_matches(['\'', '"']);
    let (name, value) = option.split_once('=')?;
    Some((name.to_ascii_lowercase(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jump_host_is_taken_where_it_is_clear() {
        for (text, jump, has_other_route, has_more) in [
            ("", None, false, false),
            ("-J bastion", Some("bastion"), false, false),
            ("-Jme@bastion:2222", Some("me@bastion:2222"), false, false),
            ("-o ProxyJump=bastion", Some("bastion"), false, false),
            ("-oproxyjump=bastion", Some("bastion"), false, false),
            ("-o ProxyJump=one -J two", Some("one"), false, false),
            ("-o StrictHostKeyChecking=no", None, false, true),
            ("-C -o ProxyJump=bastion", Some("bastion"), false, true),
            ("-o ProxyJump=none", None, false, false),
            ("-J one,two", None, true, false),
            ("-o 'ProxyJump=bastion'", None, true, false),
            ("-o ProxyCommand=nc", None, true, false),
            ("-o ProxyCommand=\"ssh -W %h:%p bastion\"", None, true, true),
            ("-o", None, false, true),
        ] {
            let expected = SshArguments {
                jump: jump.map(ToOwned::to_owned),
                has_other_route,
                has_more,
            };
            assert_eq!(SshArguments::parse(text), expected, "{text}");
        }
    }
}
