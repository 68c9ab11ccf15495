//! Arithmetic expansion with whole numbers.

use crate::shell::argument::is_name;

/// Most nested parentheses and signs that are followed.
const DEEPEST: usize = 32;

/// The value of an expression; `value` says what a name stands for. `None` if it is not known.
pub(super) fn evaluate(text: &str, value: &dyn Fn(&str) -> Option<i64>) -> Option<i64> {
    let mut reader = ArithmeticReader {
        rest: text.trim(),
        value,
        depth: 0,
    };
    if reader.rest.is_empty() {
        return Some(0);
    }
    let sum = reader.sum()?;
    reader.rest.is_empty().then_some(sum)
}

/// The name and the value of an expression that sets a variable.
pub(super) fn assigned(text: &str) -> Option<(&str, String)> {
    let text = text.trim();
    for (sign, step) in [("++", "+ 1"), ("--", "- 1")] {
        if let Some(name) = text.strip_suffix(sign).or_else(|| text.strip_prefix(sign)) {
            return Some((name, format!("{name} {step}")));
        }
    }
    let (name, expression) = text.split_once('=')?;
    let plain = name.trim_end_matches(['+', '-', '*', '/', '%']);
    let operator = &name[plain.len()..];
    let plain = plain.trim();
    if !is_name(plain) || expression.starts_with('=') {
        return None;
    }
    Some(match operator {
        "" => (plain, expression.to_owned()),
        operator => (plain, format!("{plain} {operator} ({expression})")),
    })
}

struct ArithmeticReader<'a> {
    rest: &'a str,
    value: &'a dyn Fn(&str) -> Option<i64>,
    depth: usize,
}

impl ArithmeticReader<'_> {
    fn take(&mut self, signs: &[char]) -> Option<char> {
        let next = self.rest.chars().next().filter(|one| signs.contains(one))?;
        self.rest = self.rest[next.len_utf8()..].trim_start();
        Some(next)
    }

    fn sum(&mut self) -> Option<i64> {
        let mut sum = self.product()?;
        while let Some(sign) = self.take(&['+', '-']) {
            let next = self.product()?;
            sum = match sign {
                '+' => sum.checked_add(next)?,
                _ => sum.checked_sub(next)?,
            };
        }
        Some(sum)
    }

    fn product(&mut self) -> Option<i64> {
        let mut product = self.atom()?;
        while let Some(sign) = self.take(&['*', '/', '%']) {
            let next = self.atom()?;
            product = match sign {
                '*' => product.checked_mul(next)?,
                '/' => product.checked_div(next)?,
                _ => product.checked_rem(next)?,
            };
        }
        Some(product)
    }

    fn atom(&mut self) -> Option<i64> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = match self.take(&['+', '-', '(']) {
            Some('-') => self.atom()?.checked_neg()?,
            Some('+') => self.atom()?,
            Some(_) => {
                let inner = self.sum()?;
                self.take(&[')'])?;
                inner
            }
            None => self.word()?,
        };
        self.depth -= 1;
        Some(value)
    }

    fn word(&mut self) -> Option<i64> {
        let part = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '#';
        let end = self.rest.find(|one| !part(one)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        if !word.starts_with(|first: char| first.is_ascii_digit()) {
            return (self.value)(word);
        }
        if let Some((base, digits)) = word.split_once('#') {
            let base = base.parse().ok().filter(|base| (2..=36).contains(base))?;
            return i64::from_str_radix(digits, base).ok();
        }
        if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            return i64::from_str_radix(digits, 16).ok();
        }
        match word.strip_prefix('0').filter(|digits| !digits.is_empty()) {
            Some(digits) => i64::from_str_radix(digits, 8).ok(),
            None => word.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed() {
        let value = |name: &str| (name == "x").then_some(7);
        for (text, number) in [
            ("", Some(0)),
            ("1 + 2 * 3", Some(7)),
            ("(1 + 2) * -3", Some(-9)),
            ("x - 1", Some(6)),
            ("0x10 + 010 + 2#11", Some(27)),
            ("y", None),
            ("1 / 0", None),
            ("9223372036854775807 + 1", None),
            ("1 +", None),
            ("1 2", None),
            ("1 < 2", None),
        ] {
            assert_eq!(evaluate(text, &value), number, "{text}");
        }
        assert_eq!(evaluate(&"(".repeat(10_000), &value), None);
        assert_eq!(evaluate(&"-".repeat(10_000), &value), None);
        assert_eq!(assigned("x = 3"), Some(("x", " 3".into())));
        assert_eq!(assigned("x += 3"), Some(("x", "x + ( 3)".into())));
        assert_eq!(assigned("x++"), Some(("x", "x + 1".into())));
        assert_eq!(assigned("x == 3"), None);
    }
}
