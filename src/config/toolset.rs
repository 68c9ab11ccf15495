//! Toolsets: groups of tools, which a setting can leave out.

/// A group of tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Toolset {
    /// Commands, transfers and tasks on the servers that are registered.
    Core,
    /// Files on servers.
    Files,
    /// The state of servers.
    Monitoring,
    /// Logs on servers.
    Logs,
    /// Parameters for work on several servers at once.
    Fleet,
    /// HTTP APIs.
    Apis,
    /// Tunnels.
    Live,
    /// The command policy.
    Policy,
    /// The registration of servers, and this program itself.
    Admin,
}

impl Toolset {
    /// Every toolset.
    pub const ALL: [Self; 9] = [
        Self::Core,
        Self::Files,
        Self::Monitoring,
        Self::Logs,
        Self::Fleet,
        Self::Apis,
        Self::Live,
        Self::Policy,
        Self::Admin,
    ];

    /// Its name in `MCP_TOOLSETS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Files => "files",
            Self::Monitoring => "monitoring",
            Self::Logs => "logs",
            Self::Fleet => "fleet",
            Self::Apis => "apis",
            Self::Live => "live",
            Self::Policy => "policy",
            Self::Admin => "admin",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|toolset| toolset.name().eq_ignore_ascii_case(name))
    }

    /// Parses names that are separated by commas or spaces; `all` is every toolset.
    pub(super) fn parse_list(text: &str) -> Option<Vec<Self>> {
        let names = text.split(|character: char| character == ',' || character.is_whitespace());
        let mut found = Vec::new();
        for name in names.filter(|name| !name.is_empty()) {
            if name.eq_ignore_ascii_case("all") {
                found.extend(Self::ALL);
            } else {
                found.push(Self::named(name)?);
            }
        }
        found.sort_unstable();
        found.dedup();
        Some(found).filter(|found| !found.is_empty())
    }
}
