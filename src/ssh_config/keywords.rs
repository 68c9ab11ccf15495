//! The table of the keywords of `ssh_config(5)`, and of their treatment.

/// The part of a line that a directive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One word, and the first line that sets it counts.
    Word,
    /// Several words, and the first line that sets it counts.
    Words,
    /// The line as it stands, and the first one counts.
    Line,
    /// One word, and every line counts.
    Each,
}

/// The treatment of a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It is resolved.
    Understood(Shape),
    /// Another name of a directive.
    Alias(&'static str),
    /// It changes nothing for running commands and moving files.
    Harmless,
    /// It may decide whether a host is reached or trusted, and is left out: reported unless it
    /// is switched off.
    Matters,
    /// The same, but distributions set it for every host: reported from the user's files only.
    MattersToUser,
}

use Class::{Alias, Harmless, Matters, MattersToUser, Understood};
use Shape::{Each, Line, Word, Words};

/// The name under which a directive is kept and its class; `None` for a keyword that nobody knows.
pub(super) fn class_of(keyword: &str) -> Option<(&'static str, Class)> {
    let (name, class) = TABLE
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(keyword))?;
    match class {
        Alias(other) => class_of(other),
        class => Some((*name, *class)),
    }
}

/// Keywords in lower case. `Host`, `Match` and `Include` are no directives of a block.
static TABLE: &[(&str, Class)] = &[
    ("addressfamily", Understood(Word)),
    ("bindaddress", Understood(Word)),
    ("certificatefile", Understood(Each)),
    ("ciphers", Understood(Word)),
    ("connecttimeout", Understood(Word)),
    ("globalknownhostsfile", Understood(Words)),
    ("hostkeyalgorithms", Understood(Word)),
    ("hostkeyalias", Understood(Word)),
    ("hostname", Understood(Word)),
    ("identitiesonly", Understood(Word)),
    ("identityagent", Understood(Word)),
    ("identityfile", Understood(Each)),
    ("ignoreunknown", Understood(Word)),
    ("kbdinteractiveauthentication", Understood(Word)),
    ("kexalgorithms", Understood(Word)),
    ("macs", Understood(Word)),
    ("passwordauthentication", Understood(Word)),
    ("port", Understood(Word)),
    ("preferredauthentications", Understood(Word)),
    ("proxycommand", Understood(Line)),
    // Nothing after the first word is read, as in OpenSSH.
    ("proxyjump", Understood(Line)),
    ("pubkeyauthentication", Understood(Word)),
    ("refuseconnection", Understood(Line)),
    ("serveralivecountmax", Understood(Word)),
    ("serveraliveinterval", Understood(Word)),
    ("stricthostkeychecking", Understood(Word)),
    ("tag", Understood(Word)),
    ("user", Understood(Word)),
    ("userknownhostsfile", Understood(Words)),
    //
    (
        "challengeresponseauthentication",
        Alias("kbdinteractiveauthentication"),
    ),
    ("dsaauthentication", Alias("pubkeyauthentication")),
    ("identityfile2", Alias("identityfile")),
    // Debian's names.
    ("protocolkeepalives", Alias("serveraliveinterval")),
    ("setuptimeout", Alias("serveraliveinterval")),
    ("pubkeyacceptedkeytypes", Alias("pubkeyacceptedalgorithms")),
    ("skeyauthentication", Alias("kbdinteractiveauthentication")),
    ("smartcarddevice", Alias("pkcs11provider")),
    ("tisauthentication", Alias("kbdinteractiveauthentication")),
    //
    ("bindinterface", Matters),
    ("canonicalizehostname", Matters),
    ("forwardagent", Matters),
    ("hostbasedauthentication", Matters),
    ("kbdinteractivedevices", Matters),
    ("knownhostscommand", Matters),
    ("nohostauthenticationforlocalhost", Matters),
    ("permitlocalcommand", Matters),
    ("pkcs11provider", Matters),
    ("proxyusefdpass", Matters),
    ("revokedhostkeys", Matters),
    ("securitykeyprovider", Matters),
    ("setenv", Matters),
    ("usekeychain", Matters),
    ("verifyhostkeydns", Matters),
    //
    ("casignaturealgorithms", MattersToUser),
    ("gssapiauthentication", MattersToUser),
    ("gssapidelegatecredentials", MattersToUser),
    ("gssapikeyexchange", MattersToUser),
    ("pubkeyacceptedalgorithms", MattersToUser),
    ("requiredrsasize", MattersToUser),
    //
    ("addkeystoagent", Harmless),
    ("batchmode", Harmless),
    // These say how `CanonicalizeHostname` works, which is reported itself.
    ("canonicaldomains", Harmless),
    ("canonicalizefallbacklocal", Harmless),
    ("canonicalizemaxdots", Harmless),
    ("canonicalizepermittedcnames", Harmless),
    ("channeltimeout", Harmless),
    ("checkhostip", Harmless),
    ("clearallforwardings", Harmless),
    ("compression", Harmless),
    ("connectionattempts", Harmless),
    ("controlmaster", Harmless),
    ("controlpath", Harmless),
    ("controlpersist", Harmless),
    ("dynamicforward", Harmless),
    ("enableescapecommandline", Harmless),
    ("enablesshkeysign", Harmless),
    ("escapechar", Harmless),
    ("exitonforwardfailure", Harmless),
    ("fingerprinthash", Harmless),
    ("forkafterauthentication", Harmless),
    ("forwardx11", Harmless),
    ("forwardx11timeout", Harmless),
    ("forwardx11trusted", Harmless),
    ("gatewayports", Harmless),
    // These say how the other GSSAPI keywords work, which are reported themselves.
    ("gssapiclientidentity", Harmless),
    ("gssapikexalgorithms", Harmless),
    ("gssapirenewalforcesrekey", Harmless),
    ("gssapiserveridentity", Harmless),
    ("gssapitrustdns", Harmless),
    ("hashknownhosts", Harmless),
    ("hostbasedacceptedalgorithms", Harmless),
    ("hostbasedkeytypes", Harmless),
    ("ipqos", Harmless),
    ("keepalive", Harmless),
    // It does nothing without `PermitLocalCommand`.
    ("localcommand", Harmless),
    ("localforward", Harmless),
    ("loglevel", Harmless),
    ("logverbose", Harmless),
    ("numberofpasswordprompts", Harmless),
    ("obscurekeystroketiming", Harmless),
    ("permitremoteopen", Harmless),
    ("rekeylimit", Harmless),
    ("remotecommand", Harmless),
    ("remoteforward", Harmless),
    ("requesttty", Harmless),
    ("sendenv", Harmless),
    ("sessiontype", Harmless),
    ("stdinnull", Harmless),
    ("streamlocalbindmask", Harmless),
    ("streamlocalbindunlink", Harmless),
    ("syslogfacility", Harmless),
    ("tcpkeepalive", Harmless),
    ("tunnel", Harmless),
    ("tunneldevice", Harmless),
    ("updatehostkeys", Harmless),
    ("versionaddendum", Harmless),
    ("visualhostkey", Harmless),
    ("warnweakcrypto", Harmless),
    ("xauthlocation", Harmless),
    // Names of the past, without effect in OpenSSH itself.
    ("afstokenpassing", Harmless),
    ("cipher", Harmless),
    ("compressionlevel", Harmless),
    ("fallbacktorsh", Harmless),
    ("globalknownhostsfile2", Harmless),
    ("kerberosauthentication", Harmless),
    ("kerberostgtpassing", Harmless),
    ("protocol", Harmless),
    ("rhostsauthentication", Harmless),
    ("rhostsrsaauthentication", Harmless),
    ("rsaauthentication", Harmless),
    ("useblacklistedkeys", Harmless),
    ("useprivilegedport", Harmless),
    ("useroaming", Harmless),
    ("usersh", Harmless),
    ("userknownhostsfile2", Harmless),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_aliases_lead_somewhere() {
        for (index, (name, class)) in TABLE.iter().enumerate() {
            assert_eq!(*name, name.to_ascii_lowercase());
            assert!(
                !TABLE[..index].iter().any(|(other, _)| other == name),
                "{name} stands twice"
            );
            if let Alias(other) = class {
                assert!(class_of(other).is_some(), "{other} is not listed");
            }
        }
    }

    #[test]
    fn case_does_not_matter() {
        assert_eq!(class_of("HostName"), Some(("hostname", Understood(Word))));
        assert_eq!(
            class_of("IdentityFile2"),
            Some(("identityfile", Understood(Each)))
        );
        assert_eq!(class_of("NoSuchThing"), None);
    }
}
