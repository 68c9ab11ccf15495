//! Cuts arguments of any size to what a line has room for.

use serde_json::{Map, Value};

use crate::text::beginning;

/// The most bytes of a text; a longer one is cut to its beginning.
pub(super) const LONGEST_TEXT: usize = 2048;
/// The most bytes of a name.
pub(super) const LONGEST_NAME: usize = 256;
/// The most bytes of JSON for all arguments of a call.
const BUDGET: usize = 32 * 1024;
/// The most levels of values within values.
const DEEPEST: usize = 32;
/// The bytes of JSON around a name or a value: quotes, colon, comma.
const AROUND: usize = 6;

/// The value, cut to what a line has room for.
pub(super) fn bounded(value: &Value) -> Value {
    let mut left = BUDGET;
    within(value, &mut left, 0)
}

/// The text; if it is longer than `most` bytes, its beginning and its length.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{} ({} bytes)", beginning(text, most), text.len())
}

fn within(value: &Value, left: &mut usize, depth: usize) -> Value {
    match value {
        Value::String(text) => text_within(text, LONGEST_TEXT, left).into(),
        Value::Array(_) | Value::Object(_) if depth == DEEPEST => "…".into(),
        Value::Array(values) => {
            let mut kept = Vec::new();
            for value in values {
                if *left == 0 {
                    kept.push(left_out(values.len() - kept.len()).into());
                    break;
                }
                kept.push(within(value, left, depth + 1));
                spend(left, AROUND);
            }
            kept.into()
        }
        Value::Object(fields) => {
            let mut kept = Map::new();
            for (name, value) in fields {
                if *left == 0 {
                    break;
                }
                let name = text_within(name, LONGEST_NAME, left);
                let value = within(value, left, depth + 1);
                spend(left, AROUND);
                // Two cut names of the same length may be equal; the first one stays.
                kept.entry(name).or_insert(value);
            }
            if kept.len() < fields.len() {
                kept.insert("…".to_owned(), left_out(fields.len() - kept.len()).into());
            }
            kept.into()
        }
        other => {
            spend(left, other.to_string().len());
            other.clone()
        }
    }
}

fn text_within(text: &str, most: usize, left: &mut usize) -> String {
    let mut kept = shortened(text, most);
    let mut length = written(&kept);
    if length > *left {
        // JSON may write a byte as six: \u0000.
        kept = shortened(text, *left / 6);
        length = written(&kept);
    }
    spend(left, length);
    kept
}

/// The length of a text in JSON.
fn written(text: &str) -> usize {
    serde_json::to_string(text).map_or(0, |json| json.len())
}

fn spend(left: &mut usize, bytes: usize) {
    *left = left.saturating_sub(bytes);
}

fn left_out(count: usize) -> String {
    format!("{count} more")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_comes_fits_into_a_line() {
        let deep = (0..120).fold(json!("x"), |inner, _| json!([inner, {"a": 1}]));
        let many: Map<_, _> = (0..200_000)
            .map(|number| (number.to_string(), Value::Null))
            .collect();
        let alike: Map<_, _> = (0..100)
            .map(|number| (format!("{}{:02}", "k".repeat(5000), number), json!(1)))
            .collect();
        for value in [
            json!("\u{1}".repeat(8_000_000)),
            json!({"cmd": "é".repeat(4_000_000)}),
            json!({ "k".repeat(8_000_000): "v" }),
            json!({"commands": vec!["\u{1}"; 500_000]}),
            json!({"commands": vec!["\u{1}".repeat(3000); 300]}),
            json!({"list": (0..500_000).collect::<Vec<_>>()}),
            json!({"nulls": vec![Value::Null; 2_000_000]}),
            json!({"empty": vec![json!({}); 500_000]}),
            json!({ "deep": deep }),
            many.into(),
            alike.into(),
        ] {
            let length = bounded(&value).to_string().len();
            assert!(length < BUDGET + 8 * 1024, "{length} bytes");
        }
    }

    #[test]
    fn what_is_left_out_is_counted_and_the_rest_stays() {
        let small = json!({"alias": "web1", "files": [{"local": "a"}, null, 1.5, true]});
        assert_eq!(bounded(&small), small);
        let kept = bounded(&json!({"alias": "web1", "list": vec!["x"; 100_000]}));
        assert_eq!(kept["alias"], "web1");
        let list = kept["list"].as_array().unwrap();
        let rest = format!("{} more", 100_000 - (list.len() - 1));
        assert_eq!(list.last().unwrap(), &json!(rest));
        assert_eq!(shortened("éé", 3), "é… (4 bytes)");
    }
}
