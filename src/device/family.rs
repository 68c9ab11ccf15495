//! The families of devices, as far as their prompts tell.

use std::sync::LazyLock;

use regex::Regex;

/// A family of devices whose prompts are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeviceFamily {
    /// `name>`, `name#`, `name(config)#`: Cisco IOS, NX-OS and ASA, Arista, Zyxel and many others.
    Cisco,
    /// `<name>`, `[name]`, `[~name-view]`: Huawei VRP, H3C Comware.
    Huawei,
    /// `[user@name] /path>`: MikroTik `RouterOS`.
    MikroTik,
}

/// The prompts of each family. The group `name` is what they have in common in every mode.
static PROMPTS: LazyLock<[(DeviceFamily, Regex); 3]> = LazyLock::new(|| {
    let of = |family, expression: &str| {
        let expression = Regex::new(expression).expect("the expression is correct");
        (family, expression)
    };
    [
        of(
            DeviceFamily::MikroTik,
            r"^(?P<name>\[[^\[\]\s@]{1,64}@[^\[\]\r\n]{1,64}\])(?: [\w/ -]{0,80}?)?(?: ?<SAFE>)? ?>\s*$",
        ),
        of(
            DeviceFamily::Huawei,
            r"^(?:<(?P<name>[\w.:~*/-]{1,64})>|\[[~*]?(?P<view>[\w.:/-]{1,120})\])\s*$",
        ),
        of(
            DeviceFamily::Cisco,
            r"^(?P<name>[\w.:/@~+-]{1,80}?)(?:\([^()\s]{1,80}\))* ?[>#]\s*$",
        ),
    ]
});

/// Words in brackets that ask something.
static QUESTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\[(?:confirm|y(?:es)?/n(?:o)?(?:/\w+)*|ok|cancel|enter)\]\s*$")
        .expect("the expression is correct")
});

impl DeviceFamily {
    /// The family whose prompts look like this line, and the name in it.
    pub(super) fn of(line: &str) -> Option<(Self, String)> {
        if QUESTION.is_match(line) {
            return None;
        }
        PROMPTS.iter().find_map(|(family, prompt)| {
            let found = prompt.captures(line)?;
            let name = found.name("name").or_else(|| found.name("view"))?;
            Some((*family, name.as_str().to_owned()))
        })
    }

    /// The commands that have it print without pauses in this session alone. One that it does not know does no harm.
    pub(super) fn paging_off(self) -> &'static [&'static str] {
        match self {
            Self::Cisco => &["terminal length 0"],
            Self::Huawei => &["screen-length 0 temporary"],
            Self::MikroTik => &[],
        }
    }
}
