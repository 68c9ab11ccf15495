//! An overview for people.

use super::Overview;
use super::listeners::Listener;
use super::system::User;
use crate::text::table;
use crate::time::brief;

impl Overview {
    /// The overview in some lines, what stands out first.
    pub fn text(&self) -> String {
        let concerns = self.concerns();
        let lines = [
            Some(self.heading()),
            (!concerns.is_empty()).then(|| format!("stands out: {}", concerns.join("; "))),
            Some(self.resources.text()),
            Some(self.logged_in()),
            self.packages(),
            Some(self.listening()),
        ];
        let lines: Vec<_> = lines.into_iter().flatten().collect();
        lines.join("\n")
    }

    /// The overview in a line: the system, and what stands out.
    pub fn line(&self) -> String {
        let concerns = match self.concerns().join("; ") {
            concerns if concerns.is_empty() => "nothing stands out".to_owned(),
            concerns => concerns,
        };
        format!("{}, {}: {concerns}", self.system, self.kernel)
    }

    /// Each thing that needs attention, in a few words.
    pub fn concerns(&self) -> Vec<String> {
        let failed = self.failed_units.iter().flatten().map(String::as_str);
        let failed: Vec<_> = failed.collect();
        let failed = (!failed.is_empty()).then(|| format!("failed: {}", failed.join(", ")));
        let reboot = self.reboot_needed.as_ref();
        let reboot = reboot.map(|reason| format!("needs a reboot ({reason})"));
        let concerns = self.resources.concerns().into_iter();
        concerns.chain(failed).chain(reboot).collect()
    }

    fn heading(&self) -> String {
        let Self {
            hostname,
            system,
            kernel,
            ..
        } = self;
        let age = self.age_seconds.map(|seconds| {
            let age = brief(std::time::Duration::from_secs(seconds));
            format!(" (as of {age} ago; `fresh` asks again)")
        });
        format!("{hostname}: {system}, {kernel}{}", age.unwrap_or_default())
    }

    fn logged_in(&self) -> String {
        let users: Vec<_> = self.users.iter().map(User::text).collect();
        match users.as_slice() {
            [] => "nobody is logged in at a terminal".to_owned(),
            users => format!("logged in: {}", users.join(", ")),
        }
    }

    fn packages(&self) -> Option<String> {
        let packages = self.packages.as_ref()?;
        let updates = packages.updates.map(|number| format!(", {number} updates"));
        let failed = match &self.failed_units {
            Some(units) if units.is_empty() => ", no failed unit",
            _ => "",
        };
        let manager = &packages.manager;
        Some(format!(
            "packages by {manager}{}{failed}",
            updates.unwrap_or_default()
        ))
    }

    fn listening(&self) -> String {
        let rows = self.listeners.iter().map(Listener::row);
        let routed = self.routed_containers.iter().map(|routed| {
            let container = format!("container {}", routed.container);
            [
                "by name".to_owned(),
                String::new(),
                container,
                routed.names.join(" "),
            ]
        });
        let rows: Vec<_> = rows.chain(routed).collect();
        if rows.is_empty() {
            return "nothing listens".to_owned();
        }
        let heading = if self.sees_own_processes_only {
            "listens (processes of other users are not shown to this one)"
        } else {
            "listens"
        };
        format!("{heading}:\n{}", table(&rows))
    }
}

impl User {
    fn text(&self) -> String {
        let times = (self.sessions > 1).then(|| format!(" ×{}", self.sessions));
        let from = (!self.from.is_empty()).then(|| format!(" from {}", self.from.join(" ")));
        format!(
            "{}{}{}",
            self.name,
            times.unwrap_or_default(),
            from.unwrap_or_default()
        )
    }
}

impl Listener {
    fn row(&self) -> [String; 4] {
        let on = (!self.addresses.is_empty()).then(|| format!(" on {}", self.addresses.join(" ")));
        let unit = self.unit.clone();
        let container = self
            .container
            .as_ref()
            .map(|name| format!("container {name}"));
        let more = self.more_names.map(|more| format!(" and {more} more"));
        [
            format!("{}/{}{}", self.port, self.protocol, on.unwrap_or_default()),
            self.process.clone().unwrap_or_else(|| "?".to_owned()),
            unit.or(container).unwrap_or_default(),
            format!("{}{}", self.names.join(" "), more.unwrap_or_default()),
        ]
    }
}
