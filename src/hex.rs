//! Bytes as lower-case hexadecimal digits.

/// Two digits for each byte.
pub fn digits(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = halves.map(|half| char::from_digit(half.into(), 16));
    digits
        .map(|digit| digit.expect("a half is below 16"))
        .collect()
}
