//! The SSH software of devices, as they name it in their greeting (RFC 4253, section 4.2).

/// Parts of such names: Cisco, Huawei, H3C, `RouterOS`, Zyxel, Allegro's server of many small devices, Mocana's.
const NAMES: &[&str] = &[
    "Cisco",
    "HUAWEI",
    "Comware",
    "ROSSSH",
    "Zyxel",
    "RomSShell",
    "Mocana",
    "NetScreen",
];

/// Returns whether this software tells a device.
pub(crate) fn is_of_device(software: &str) -> bool {
    let software = software.to_ascii_lowercase();
    let mut names = NAMES.iter();
    names.any(|name| software.contains(&name.to_ascii_lowercase()))
}
