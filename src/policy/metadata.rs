//! Addresses at which a cloud gives a machine's credentials to whoever asks from it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names that clouds give to such an address.
const NAMES: &[&str] = &[
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.tencentyun.com",
];

/// Addresses of clouds that use none of the link-local ones: Alibaba, Azure, Oracle.
const V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The link-local address by IPv6, and Google's.
const V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Returns true if this is the name of a metadata service.
pub(super) fn is_metadata_name(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Returns true if a metadata service may be at this address: every link-local address of IPv4, Amazon's network
/// of IPv6, and some more.
pub(super) fn is_metadata_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || V4.contains(&address),
        IpAddr::V6(address) => {
            let segments = address.segments();
            let is_amazons = segments[..2] == [0xfd00, 0x0ec2];
            let embedded =
                embedded(segments).is_some_and(|inner| is_metadata_address(inner.into()));
            is_amazons || V6.contains(&address) || embedded
        }
    }
}

/// The IPv4 address in one of IPv6: mapped, compatible (RFC 4291, section 2.5.5), translated (RFC 6052) or 6to4
/// (RFC 3056).
fn embedded(segments: [u16; 8]) -> Option<Ipv4Addr> {
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

/// The address that a text stands for to a system's resolver: also one in fewer parts, in octal or in hexadecimal
/// digits, and one with a zone.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let (text, _) = text.split_once('%').unwrap_or((text, ""));
    let v6 = text.parse().ok().map(IpAddr::V6);
    v6.or_else(|| inet_aton(text).map(IpAddr::V4))
}

/// Parses an address as `inet_aton` of the C library does: one to four numbers, the last of which fills the rest.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<_> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 0xff) {
        return None;
    }
    let filled = 8 * (4 - first.len());
    if u64::from(*last) >> filled != 0 {
        return None;
    }
    let shifts = [24, 16, 8].into_iter();
    let first = first.iter().zip(shifts).map(|(part, shift)| part << shift);
    Some(Ipv4Addr::from_bits(first.sum::<u32>() | last))
}

fn number(text: &str) -> Option<u32> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    let are_digits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    are_digits.then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metadata_service_is_known_in_every_spelling() {
        for text in [
            "169.254.169.254",
            "2852039166",
            "0xA9FEA9FE",
            "0251.0376.0251.0376",
            "0xa9.254.43518",
            "169.16689662",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::a9fe:a9fe%eth0",
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "168.63.129.16",
        ] {
            let found = address(text).unwrap_or_else(|| panic!("{text} is an address"));
            assert!(is_metadata_address(found), "{text}");
        }
        for text in [
            "127.0.0.1",
            "10.0.0.1",
            "169.253.1.1",
            "100.100.100.20",
            "::1",
            "0",
        ] {
            assert!(!is_metadata_address(address(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn names_and_broken_numbers_are_no_addresses() {
        for text in [
            "db",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3.256",
            "0x",
            "08",
            "1..2",
            "",
            "4294967296",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
        assert_eq!(address("0"), Some(Ipv4Addr::UNSPECIFIED.into()));
        assert_eq!(address("127.1"), Some(Ipv4Addr::LOCALHOST.into()));
    }
}
