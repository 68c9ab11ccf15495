//! Comments that say what a thing is, and a name of its own for each type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

use crate::helper::search::files_below;

/// Directories whose files are of one kind, and have types of the same names.
const ALIKE: &[(&str, &str)] = &[(
    "src/sftp/filesystem/local_entry",
    "each platform has its `LocalEntry`",
)];

/// The crates, by their directories: the program, the tests, the benchmark.
const CRATES: [&str; 3] = ["src", "tests", "tests/bench"];

/// The Rust files of the crates: their crate, their path, their text.
fn sources() -> Vec<(&'static str, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "tests"].map(|directory| files_below(&root.join(directory)));
    let paths = files.iter().flatten();
    let rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        let mut crates = CRATES.into_iter().rev();
        let of = crates.find(|directory| name.starts_with(*directory));
        let text = std::fs::read_to_string(path).unwrap();
        (of.unwrap(), name.replace('\\', "/"), text)
    })
    .collect()
}

#[test]
fn no_comment_begins_with_a_question_word() {
    let first = Regex::new(
        r"^\s*//[/!]? (What|How|Where|Who|Whom|Whose|Whoever|Whether|Which|Why|Whatever)\b",
    )
    .unwrap();
    let mut found = Vec::new();
    for (_, name, text) in sources() {
        let mut before = "";
        for (number, line) in text.lines().enumerate() {
            if first.is_match(line) && !before.trim_start().starts_with("//") {
                found.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
            before = line;
        }
    }
    assert!(found.is_empty(), "say what it is: {found:#?}");
}

#[test]
fn each_type_has_a_name_of_its_own() {
    let definition = Regex::new(r"(?m)^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|type) (\w+)");
    let definition = definition.unwrap();
    let mut files: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (of, name, text) in sources() {
        let alike = ALIKE.iter().map(|(directory, _)| *directory);
        let mut alike = alike.filter(|directory| name.starts_with(directory));
        let place = alike.next().unwrap_or(&name).to_owned();
        for found in definition.captures_iter(&text) {
            let files = files.entry((of, found[1].to_owned())).or_default();
            files.insert(place.clone());
        }
    }
    files.retain(|_, files| files.len() > 1);
    assert!(files.is_empty(), "types of one name: {files:#?}");
}
