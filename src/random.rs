//! Random names.

use crate::hex::digits;

/// `N` random bytes as lower-case hexadecimal digits.
pub fn hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    digits(&bytes)
}
