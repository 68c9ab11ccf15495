//! The algorithms that a server is offered: the safe ones, changed as the user's SSH configuration says,
//! and after them the old ones where the server's entry allows them.

use std::borrow::Cow;

use russh::keys::Algorithm;
use russh::{Preferred, cipher, kex, mac};

use crate::ssh::target::Target;
use crate::ssh_config::Algorithms;

/// AES-GCM is the fastest where the processor has AES; `ChaCha20` serves the others and old servers
/// get counter mode with encrypt-then-MAC.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// The library offers these to nobody by itself; OpenSSH does, and some appliances have nothing else.
const CURVES: &[kex::Name] = &[
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
];

const OLD_CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_CBC,
    cipher::AES_192_CBC,
    cipher::AES_128_CBC,
];

const OLD_EXCHANGES: &[kex::Name] = &[kex::DH_GEX_SHA1, kex::DH_G14_SHA1, kex::DH_G1_SHA1];

const OLD_MACS: &[mac::Name] = &[mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

/// RSA with SHA-1 (RFC 4253, section 6.6).
const OLD_KEY: Algorithm = Algorithm::Rsa { hash: None };

/// The algorithms to offer, except those of host keys.
pub(in crate::ssh) fn preferred(target: &Target) -> Preferred {
    let changes = &target.algorithms;
    let is_old_allowed = target.server.allows_old_algorithms();
    let (default, markers) = exchanges();
    let exchanges = offered(
        &default,
        kex::ALL_KEX_ALGORITHMS,
        changes.key_exchange.as_ref(),
        OLD_EXCHANGES.iter().filter(|_| is_old_allowed),
    );
    Preferred {
        kex: exchanges.into_iter().chain(markers).collect(),
        cipher: Cow::Owned(offered(
            CIPHERS,
            cipher::ALL_CIPHERS,
            changes.ciphers.as_ref(),
            OLD_CIPHERS.iter().filter(|_| is_old_allowed),
        )),
        mac: Cow::Owned(offered(
            &Preferred::DEFAULT.mac,
            mac::ALL_MAC_ALGORITHMS,
            changes.macs.as_ref(),
            OLD_MACS.iter().filter(|_| is_old_allowed),
        )),
        ..Preferred::DEFAULT
    }
}

/// The algorithms of host keys to offer.
pub(in crate::ssh) fn host_keys(target: &Target) -> Vec<Algorithm> {
    let all = Preferred::DEFAULT.key.into_owned();
    let is_safe = |key: &&Algorithm| **key != OLD_KEY;
    let safe: Vec<_> = all.iter().filter(is_safe).cloned().collect();
    let mut keys = match &target.algorithms.host_keys {
        Some(change) => {
            let [safe, all] = [&safe, &all]
                .map(|keys| -> Vec<String> { keys.iter().map(ToString::to_string).collect() });
            let [safe, all]: [Vec<&str>; 2] =
                [&safe, &all].map(|names| names.iter().map(String::as_str).collect());
            let wanted = change.applied(&safe, &all).into_iter();
            wanted
                .filter_map(|name| Algorithm::new(name).ok())
                .collect()
        }
        None => safe,
    };
    if target.server.allows_old_algorithms() && !keys.contains(&OLD_KEY) {
        keys.push(OLD_KEY);
    }
    keys
}

/// Returns whether a server that offers these can be reached once old algorithms are allowed.
pub(in crate::ssh) fn has_old(offered: &[String]) -> bool {
    let old_key = OLD_KEY.to_string();
    let is_old = |name: &str| {
        name == old_key
            || OLD_EXCHANGES.iter().any(|old| old.as_ref() == name)
            || OLD_CIPHERS.iter().any(|old| old.as_ref() == name)
            || OLD_MACS.iter().any(|old| old.as_ref() == name)
    };
    offered.iter().any(|name| is_old(name))
}

/// The key exchanges, and the markers in their list that announce extensions.
fn exchanges() -> (Vec<kex::Name>, Vec<kex::Name>) {
    let is_marker = |name: &kex::Name| {
        let name = name.as_ref();
        name.starts_with("ext-info") || name.starts_with("kex-strict")
    };
    let all = Preferred::DEFAULT.kex.iter().copied();
    let (markers, mut exchanges): (Vec<_>, Vec<_>) = all.partition(is_marker);
    // Before those with a finite field, which take longer.
    let is_finite = |name: &kex::Name| name.as_ref().starts_with("diffie-hellman");
    let first = exchanges.iter().position(is_finite);
    let first = first.unwrap_or(exchanges.len());
    exchanges.splice(first..first, CURVES.iter().copied());
    (exchanges, markers)
}

/// The default as the user's SSH configuration changes it, followed by `after`.
fn offered<'a, N>(
    default: &[N],
    supported: &[&N],
    change: Option<&Algorithms>,
    after: impl Iterator<Item = &'a N>,
) -> Vec<N>
where
    N: AsRef<str> + Clone + PartialEq + for<'n> TryFrom<&'n str> + 'a,
{
    let mut offered: Vec<N> = match change {
        None => default.to_vec(),
        Some(change) => {
            let default: Vec<_> = default.iter().map(AsRef::as_ref).collect();
            let supported: Vec<_> = supported.iter().copied().map(N::as_ref).collect();
            let wanted = change.applied(&default, &supported).into_iter();
            wanted.filter_map(|name| N::try_from(name).ok()).collect()
        }
    };
    for name in after {
        if !offered.contains(name) {
            offered.push(name.clone());
        }
    }
    offered
}
