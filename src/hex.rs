//! Hexadecimal digits.

/// Encodes bytes as two lower-case digits each.
pub fn digits(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = halves.map(|half| char::from_digit(half.into(), 16));
    digits
        .map(|digit| digit.expect("a half is below 16"))
        .collect()
}

/// Decodes digits of either case; `None` if they are not hexadecimal.
pub fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
