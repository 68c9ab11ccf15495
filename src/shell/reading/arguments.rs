//! Arguments that are all of a list of allowed ones. Abbreviations of long options are not: each could be of another.

/// The options that a program may be given.
#[derive(Clone, Copy, Debug)]
pub(super) struct AllowedOptions {
    /// Letters without a value. A `0` stands for digits.
    pub(super) flags: &'static str,
    /// Letters with a value. One that is followed by `?` takes a value only from its own argument.
    pub(super) valued: &'static str,
    /// Long names, with spaces between. One that ends with `=` takes a value.
    pub(super) long: &'static str,
}

/// Options with their values, and operands.
#[derive(Debug, Default)]
pub(super) struct GivenArguments<'a> {
    pub(super) options: Vec<(String, Option<&'a str>)>,
    pub(super) operands: Vec<&'a str>,
}

impl<'a> GivenArguments<'a> {
    pub(super) fn has(&self, names: &[&str]) -> bool {
        let mut options = self.options.iter();
        options.any(|(name, _)| names.contains(&&**name))
    }

    /// The values of these options, in their order.
    pub(super) fn values(&self, names: &[&str]) -> Vec<&'a str> {
        let options = self.options.iter();
        let meant = options.filter(|(name, _)| names.contains(&&**name));
        meant.filter_map(|(_, value)| *value).collect()
    }

    pub(super) fn first(&self) -> &'a str {
        self.operands.first().copied().unwrap_or_default()
    }
}

impl AllowedOptions {
    /// Takes arguments apart; `None` if one of them is not allowed.
    pub(super) fn take<'a>(&self, arguments: &[&'a str]) -> Option<GivenArguments<'a>> {
        let (mut given, mut rest) = (GivenArguments::default(), arguments);
        while !rest.is_empty() {
            rest = match rest {
                ["--", operands @ ..] => {
                    given.operands.extend_from_slice(operands);
                    &[]
                }
                [first, ..] if first.len() > 1 && first.starts_with('-') => {
                    self.option(rest, &mut given)?
                }
                [operand, others @ ..] => {
                    given.operands.push(operand);
                    others
                }
                [] => rest,
            };
        }
        Some(given)
    }

    /// Takes the options before the first operand, and returns them with what follows.
    pub(super) fn leading<'a, 'r>(
        &self,
        arguments: &'r [&'a str],
    ) -> Option<(GivenArguments<'a>, &'r [&'a str])> {
        let (mut given, mut rest) = (GivenArguments::default(), arguments);
        while rest.first().is_some_and(|first| first.starts_with('-')) {
            rest = self.option(rest, &mut given)?;
        }
        Some((given, rest))
    }

    /// Takes the options of the first argument, and returns the rest.
    fn option<'a, 'r>(
        &self,
        arguments: &'r [&'a str],
        given: &mut GivenArguments<'a>,
    ) -> Option<&'r [&'a str]> {
        let (first, rest) = arguments.split_first()?;
        match first.strip_prefix("--") {
            Some(long) => self.long_option(long, rest, given),
            None => self.cluster(first.strip_prefix('-')?, rest, given),
        }
    }

    fn long_option<'a, 'r>(
        &self,
        text: &'a str,
        rest: &'r [&'a str],
        given: &mut GivenArguments<'a>,
    ) -> Option<&'r [&'a str]> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let mut known = self.long.split(' ');
        let known = known.find(|one| one.strip_suffix('=').unwrap_or(one) == name)?;
        let takes_value = known.ends_with('=');
        let (value, rest) = match (value, rest) {
            (None, [next, others @ ..]) if takes_value => (Some(*next), others),
            (value, rest) => (value, rest),
        };
        given.options.push((name.to_owned(), value));
        Some(rest)
    }

    fn cluster<'a, 'r>(
        &self,
        text: &'a str,
        rest: &'r [&'a str],
        given: &mut GivenArguments<'a>,
    ) -> Option<&'r [&'a str]> {
        for (place, letter) in text.char_indices() {
            let after = &text[place + letter.len_utf8()..];
            let is_digit = letter.is_ascii_digit() && self.flags.contains('0');
            if let Some(found) = self.valued.find(letter).filter(|_| letter != '?') {
                let is_attached = self.valued[found + letter.len_utf8()..].starts_with('?');
                let (value, rest) = match rest {
                    [next, others @ ..] if after.is_empty() && !is_attached => {
                        (Some(*next), others)
                    }
                    rest => (Some(after).filter(|after| !after.is_empty()), rest),
                };
                given.options.push((letter.to_string(), value));
                return Some(rest);
            }
            if !is_digit && !self.flags.contains(letter) {
                return None;
            }
            given.options.push((letter.to_string(), None));
        }
        Some(rest)
    }
}
