//! The layers of the crate, as the map in `src/lib.rs` names them, and what its files import.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Files that mask secrets. The table in `src/secret/mod.rs` says what each masks.
const MASKING: &[&str] = &[
    "audit/redacted",
    "doctor",
    "fleet/targets",
    "job/kind",
    "job/outputs",
    "live_shell/answer",
    "live_shell/live",
    "logging",
    "observer",
    "observer/task",
    "report",
    "samples/sampler",
    "server/gate",
    "server/reading",
    "ssh/command/device/transcript",
    "ssh/command/step",
    "ssh/output",
    "ssh/prompt/secrecy",
    "tools/ask",
    "tools/call",
    "web/view",
];

/// Names of `secret` that mask known secrets, or a text's own.
const MASKS: &[&str] = &[
    "Mask",
    "Redactor",
    "hide",
    "hide_in",
    "hide_in_of",
    "hide_of",
    "redacted",
    "without_passwords",
];

/// Modules that work with local files, each with the reason. Everything else keeps its data by `store`, and
/// reads and writes files by `fs`.
const WORK_WITH_FILES: &[(&str, &str)] = &[
    ("demo", "serves a directory over SFTP"),
    ("doctor", "examines the files of a set-up"),
    ("fs", "is the layer for files"),
    ("install", "changes the configuration files of MCP clients"),
    ("sftp/filesystem", "is this machine's side of transfers"),
    ("sftp/restore", "gives local files their old owners"),
    ("sftp/transfer/download", "writes local files"),
    ("sftp/transfer/local_file", "reads local files"),
    ("sftp/transfer/upload/local_source", "reads local files"),
    ("ssh_config", "reads the user's SSH configuration"),
    ("store", "keeps documents, logs and streams in files"),
];

/// A module's path, without `crate`.
type Module = Vec<String>;

/// The files of `src`, by module.
struct Sources(BTreeMap<Module, Source>);

#[derive(Default)]
struct Source {
    /// The paths that it imports or names, from the crate's root.
    paths: Vec<Module>,
    /// The path behind each name in it, from the crate's root.
    names: BTreeMap<String, Module>,
}

/// A file that only unit tests have.
static TEST_FILE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^#\[cfg\(test\)\]\n(?:pub\([^)]*\) )?mod (\w+);").unwrap());
static TESTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?ms)^#\[cfg\([^\n]*\btest\b[^\n]*\]\nmod tests \{.*").unwrap());
static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^\s*//.*$|\s// .*$").unwrap());
static VISIBILITY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"pub\([^)]*\) ").unwrap());
static USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*(?:pub )?use ([\w:{},*\s]+);").unwrap());
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|super)(?:::[A-Za-z_]\w*)+").unwrap());

impl Sources {
    fn read() -> Self {
        let texts = texts();
        let modules: BTreeSet<_> = texts.keys().cloned().collect();
        let sources = texts.iter().map(|(module, text)| {
            let source = Source::parse(text, module, &modules);
            (module.clone(), source)
        });
        Self(sources.collect())
    }

    /// The module that has what a path names, through the imports of others.
    fn resolve(&self, path: &[String], steps: usize) -> Module {
        let mut module = Vec::new();
        for (index, segment) in path.iter().enumerate() {
            let next = [module.as_slice(), std::slice::from_ref(segment)].concat();
            if self.0.contains_key(&next) {
                module = next;
                continue;
            }
            let meant = self
                .0
                .get(&module)
                .and_then(|source| source.names.get(segment));
            if let Some(meant) = meant.filter(|meant| steps > 0 && *meant != path) {
                return self.resolve(&[meant, &path[index + 1..]].concat(), steps - 1);
            }
            break;
        }
        module
    }

    /// The files that each file imports, but for its parents and children.
    fn imports(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let imports = self.0.iter().map(|(module, source)| {
            let named = source.paths.iter().map(|path| self.resolve(path, 10));
            let others = named.filter(|other| {
                !other.is_empty() && !other.starts_with(module) && !module.starts_with(other)
            });
            (module.clone(), others.collect())
        });
        imports.collect()
    }
}

impl Source {
    fn parse(text: &str, module: &Module, modules: &BTreeSet<Module>) -> Self {
        let text = VISIBILITY.replace_all(text, "");
        let mut source = Self::default();
        let from_root = |path: &str| from_root(path, module, modules);
        for found in USE.captures_iter(&text) {
            for (path, name) in leaves(&found[1]) {
                if let Some(path) = from_root(&path) {
                    source.names.insert(name, path.clone());
                    source.paths.push(path);
                }
            }
        }
        let rest = USE.replace_all(&text, "");
        let inline = PATH.find_iter(&rest);
        source
            .paths
            .extend(inline.filter_map(|path| from_root(path.as_str())));
        source
    }
}

/// The texts of all files that the program consists of, without comments and unit tests.
fn texts() -> BTreeMap<Module, String> {
    let mut texts = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    collect(&root, &mut Vec::new(), &mut texts);
    let test_files: Vec<_> = texts
        .iter()
        .flat_map(|(module, text)| {
            let names = TEST_FILE.captures_iter(text);
            names.map(|name| [module.as_slice(), &[name[1].to_owned()]].concat())
        })
        .collect();
    texts.retain(|module, _| !test_files.contains(module));
    for text in texts.values_mut() {
        *text = COMMENT
            .replace_all(&TESTS.replace(text, ""), "")
            .into_owned();
    }
    texts
}

fn collect(directory: &Path, module: &mut Module, texts: &mut BTreeMap<Module, String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            module.push(stem);
            collect(&path, module, texts);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["main", "lib", "tests"].contains(&stem.as_str())
        {
            let mut of_file = module.clone();
            of_file.extend((stem != "mod").then_some(stem));
            texts.insert(of_file, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The paths of a tree of imports, each with the name that it gets.
fn leaves(tree: &str) -> Vec<(String, String)> {
    let tree = tree.trim();
    if let Some((prefix, inner)) = tree.split_once('{') {
        let inner = inner.strip_suffix('}').unwrap();
        let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
        for (index, character) in inner.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(&inner[start..index]);
                    start = index + 1;
                }
                _ => {}
            }
        }
        parts.push(&inner[start..]);
        let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
        return parts
            .flat_map(|part| leaves(&format!("{prefix}{}", part.trim())))
            .collect();
    }
    let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
    let path = path.strip_suffix("::self").unwrap_or(path);
    let own = path.rsplit("::").next().unwrap();
    let name = if name.is_empty() { own } else { name };
    vec![(path.to_owned(), name.to_owned())]
}

/// A path from the crate's root; `None` for what is not of this crate.
fn from_root(path: &str, module: &Module, modules: &BTreeSet<Module>) -> Option<Module> {
    let mut segments = path.split("::").peekable();
    let mut from = module.clone();
    match segments.peek().copied()? {
        "crate" => {
            from.clear();
            segments.next();
        }
        "self" => drop(segments.next()),
        "super" => {
            while segments.next_if_eq(&"super").is_some() {
                from.pop();
            }
        }
        child => {
            let child = [from.as_slice(), &[child.to_owned()]].concat();
            modules.contains(&child).then_some(())?;
        }
    }
    from.extend(segments.map(ToOwned::to_owned));
    Some(from)
}

/// The layers that the map names, top to bottom, by module.
fn layers() -> BTreeMap<String, usize> {
    let map = include_str!("../src/lib.rs");
    let rows = map.lines().filter(|line| line.starts_with("//! | [`"));
    let module = Regex::new(r"\[`(\w+)`\]").unwrap();
    let mut layers = BTreeMap::new();
    for (layer, row) in rows.enumerate() {
        let modules = row.split('|').nth(1).unwrap();
        for found in module.captures_iter(modules) {
            let before = layers.insert(found[1].to_owned(), layer);
            assert_eq!(before, None, "the map names {} twice", &found[1]);
        }
    }
    layers
}

/// The files from which a way along the imports leads back.
fn in_circles(imports: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<String> {
    let leads_back = |start: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(module) = next.pop() {
            for other in &imports[module] {
                if other == start {
                    return true;
                }
                if seen.insert(other) {
                    next.push(other);
                }
            }
        }
        false
    };
    let found = imports.keys().filter(|module| leads_back(module));
    found.map(|module| module.join("/")).collect()
}

#[test]
fn no_layer_imports_from_a_higher_one() {
    let (sources, layers) = (Sources::read(), layers());
    let modules: BTreeSet<_> = sources.0.keys().map(|module| &module[0]).collect();
    assert_eq!(modules, layers.keys().collect(), "modules, and the map's");
    let imports = sources.imports();
    let pairs = imports
        .iter()
        .flat_map(|(module, others)| others.iter().map(move |other| (module, other)));
    let upward: Vec<_> = pairs
        .filter(|(module, other)| layers[&other[0]] < layers[&module[0]])
        .map(|(module, other)| (module.join("/"), other.join("/")))
        .collect();
    assert!(
        upward.is_empty(),
        "imports from a higher layer: {upward:#?}"
    );
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let found = in_circles(&Sources::read().imports());
    assert!(found.is_empty(), "files in a circle of imports: {found:#?}");
}

#[test]
fn only_the_listed_files_mask_secrets() {
    let masks = |source: &Source| {
        let mut paths = source.paths.iter();
        paths.any(|path| matches!(path.as_slice(), [first, .., name] if first == "secret" && MASKS.contains(&name.as_str())))
    };
    let sources = Sources::read().0;
    let found = sources
        .iter()
        .filter(|(module, source)| module[0] != "secret" && masks(source))
        .map(|(module, _)| module.join("/"));
    assert_eq!(found.collect::<Vec<_>>(), MASKING);
}

#[test]
fn files_are_worked_with_in_few_modules() {
    let of_files =
        Regex::new(r"\b(?:std|tokio|rustix)::fs\b|\bOpenOptions\b|\btempfile::").unwrap();
    let found: BTreeSet<_> = texts()
        .iter()
        .filter(|(_, text)| of_files.is_match(text))
        .map(|(module, _)| module.join("/"))
        .collect();
    let is_in = |file: &str, module: &str| {
        let below = file.strip_prefix(module);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    };
    let allowed = |file: &String| {
        WORK_WITH_FILES
            .iter()
            .any(|(module, _)| is_in(file, module))
    };
    let others: Vec<_> = found.iter().filter(|file| !allowed(file)).collect();
    assert!(others.is_empty(), "files that work with files: {others:#?}");
    let in_vain = |module: &&str| !found.iter().any(|file| is_in(file, module));
    let modules = WORK_WITH_FILES.iter().map(|(module, _)| *module);
    let in_vain: Vec<_> = modules.filter(in_vain).collect();
    assert!(in_vain.is_empty(), "exceptions in vain: {in_vain:?}");
}
