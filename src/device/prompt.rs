//! The prompt of a device, in whichever mode it is.

use super::family::DeviceFamily;

/// The most characters of a prompt.
const LONGEST: usize = 120;

/// The prompt at which a device waits for commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DevicePrompt {
    /// The last one that it has shown.
    line: String,
    family: Option<(DeviceFamily, String)>,
}

/// The likeness of a line to the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PromptMatch {
    /// It is the prompt, in this or another mode.
    Sure,
    /// It is of the same form, as after the device got another name.
    Likely,
    No,
}

impl DevicePrompt {
    /// The prompt that is this line.
    pub(crate) fn learn(line: &str) -> Self {
        let line = line.trim();
        Self {
            line: line.to_owned(),
            family: DeviceFamily::of(line),
        }
    }

    /// Returns whether a line looks like the prompt of a device or a shell.
    pub(crate) fn is_like(line: &str) -> bool {
        let line = line.trim();
        let is_short = line.chars().count() <= LONGEST;
        is_short && (DeviceFamily::of(line).is_some() || line.ends_with(['>', '#', '$', '%']))
    }

    /// The likeness of a line to it.
    pub(crate) fn matches(&self, line: &str) -> PromptMatch {
        let line = line.trim();
        if line == self.line {
            return PromptMatch::Sure;
        }
        match (&self.family, DeviceFamily::of(line)) {
            (Some((family, name)), Some((other, its_name))) if *family == other => {
                // A view is the name with more behind it.
                let is_same = its_name == *name
                    || other == DeviceFamily::Huawei
                        && its_name
                            .strip_prefix(name.as_str())
                            .is_some_and(|view| view.starts_with('-'));
                if is_same {
                    PromptMatch::Sure
                } else {
                    PromptMatch::Likely
                }
            }
            (None, _) if Self::is_like(line) && line.chars().last() == self.line.chars().last() => {
                PromptMatch::Likely
            }
            _ => PromptMatch::No,
        }
    }

    /// Notes that the device shows this one now.
    pub(crate) fn follow(&mut self, line: &str) {
        *self = match (Self::learn(line), self.matches(line)) {
            (now, PromptMatch::Sure) => Self {
                family: self.family.take(),
                ..now
            },
            (now, _) => now,
        };
    }

    /// The commands by which the device is told to print without pauses.
    pub(crate) fn paging_off(&self) -> &'static [&'static str] {
        let family = self.family.as_ref();
        family.map_or(&[], |(family, _)| family.paging_off())
    }

    /// The prompt as it stands.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_known_in_every_mode() {
        for (learnt, modes) in [
            (
                "Router>",
                &[
                    "Router#",
                    "Router(config)#",
                    "Router(config-if)# ",
                    "Router>",
                ][..],
            ),
            ("switch# ", &["switch(config-if-range)# "]),
            (
                "RP/0/RSP0/CPU0:core#",
                &["RP/0/RSP0/CPU0:core(config-bgp)#"],
            ),
            (
                "<HUAWEI>",
                &[
                    "[HUAWEI]",
                    "[~HUAWEI]",
                    "[*HUAWEI-GigabitEthernet0/0/1]",
                    "[HUAWEI-aaa]",
                ],
            ),
            (
                "[admin@MikroTik] > ",
                &[
                    "[admin@MikroTik] /ip/address> ",
                    "[admin@MikroTik] /ip address>",
                    "[admin@MikroTik] <SAFE> >",
                ],
            ),
            ("Select: ", &["Select:"]),
        ] {
            let prompt = DevicePrompt::learn(learnt);
            for mode in modes {
                assert_eq!(
                    prompt.matches(mode),
                    PromptMatch::Sure,
                    "{learnt} and {mode}"
                );
            }
        }
    }

    #[test]
    fn other_lines_are_no_prompt() {
        for (learnt, line, found) in [
            ("Router#", "Router#show version", PromptMatch::No),
            ("Router#", "Proceed with reload? [confirm]", PromptMatch::No),
            ("Router#", "Password:", PromptMatch::No),
            ("Router#", "Edge(config)#", PromptMatch::Likely),
            ("Router#", "<Router>", PromptMatch::No),
            ("<HUAWEI>", "[confirm]", PromptMatch::No),
            ("<HUAWEI>", "[Y/N]", PromptMatch::No),
            (
                "<HUAWEI>",
                "Are you sure to continue? [Y/N]:",
                PromptMatch::No,
            ),
            ("<HUAWEI>", "[core-sw1]", PromptMatch::Likely),
            ("Select: ", "Password: ", PromptMatch::No),
            ("me@host:~$ ", "me@host:/tmp$ ", PromptMatch::Likely),
        ] {
            let prompt = DevicePrompt::learn(learnt);
            assert_eq!(prompt.matches(line), found, "{learnt} and {line}");
        }
    }

    #[test]
    fn a_device_with_another_name_is_followed() {
        let mut prompt = DevicePrompt::learn("Router#");
        for line in ["Router(config)#", "Edge(config)#", "Edge#"] {
            prompt.follow(line);
            assert_eq!(prompt.line(), line);
        }
        assert_eq!(prompt.matches("Edge(config-if)#"), PromptMatch::Sure);
        let mut views = DevicePrompt::learn("<HUAWEI>");
        views.follow("[HUAWEI-aaa]");
        assert_eq!(views.matches("<HUAWEI>"), PromptMatch::Sure);
    }
}
