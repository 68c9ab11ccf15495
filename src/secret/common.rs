//! Words that are used as passwords and occur in many other texts.

/// Default passwords of systems and images, and words that people use as passwords.
const WORDS: &[&str] = &[
    "administrator",
    "alpine",
    "ansible",
    "backup",
    "calvin",
    "centos",
    "change-me",
    "change_me",
    "changeit",
    "changeme",
    "cirros",
    "cisco123",
    "database",
    "debian",
    "default",
    "deploy",
    "development",
    "docker",
    "elastic",
    "example",
    "fedora",
    "gateway",
    "grafana",
    "jenkins",
    "letmein",
    "localhost",
    "manager",
    "master",
    "minioadmin",
    "mongodb",
    "monitor",
    "monitoring",
    "mysql123",
    "network",
    "oracle",
    "passphrase",
    "password",
    "postgres",
    "postgresql",
    "private",
    "production",
    "public",
    "qwerty",
    "qwertyuiop",
    "rabbitmq",
    "raspberry",
    "raspberrypi",
    "readonly",
    "redhat",
    "replication",
    "secret",
    "security",
    "server",
    "service",
    "staging",
    "superuser",
    "supervisor",
    "support",
    "switch",
    "system",
    "tomcat",
    "ubuntu",
    "vagrant",
    "webadmin",
    "webmaster",
    "welcome",
    "windows",
    "wordpress",
    "zabbix",
];

/// A shorter word, or a shorter number, occurs in too many texts by chance.
const FEW_LETTERS: usize = 8;
const FEW_DIGITS: usize = 9;

/// Says whether a password occurs in many texts that have nothing to do with it.
pub(super) fn is_common(password: &str) -> bool {
    let all = |is: fn(&u8) -> bool| password.as_bytes().iter().all(is);
    let word = password.to_ascii_lowercase();
    WORDS.binary_search(&word.as_str()).is_ok()
        || password.len() < FEW_LETTERS && all(u8::is_ascii_lowercase)
        || password.len() < FEW_DIGITS && all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_order() {
        assert!(WORDS.is_sorted());
    }

    #[test]
    fn what_stands_in_many_texts_is_common() {
        for common in [
            "vagrant",
            "Ubuntu",
            "raspberry",
            "password",
            "123456",
            "20261125",
            "kitten",
        ] {
            assert!(is_common(common), "{common}");
        }
        for rare in [
            "vagrant1",
            "password123!",
            "Tr0ub4dor",
            "qwkzjvxp",
            "123456789",
            "x7f2qa",
        ] {
            assert!(!is_common(rare), "{rare}");
        }
    }
}
