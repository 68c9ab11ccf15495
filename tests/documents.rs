//! Documents that list every setting and every tool. `UPDATE=1` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mcp_sftp_orchestrator::config::{SETTINGS, Setting, Toolset};
use mcp_sftp_orchestrator::tools::Tools;
use regex::Regex;
use rmcp::model::Tool;
use serde_json::{Map, Value, json};

/// Held while a document is read and written.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares a document at the crate's root with the text that `write` makes of it, or writes that text.
fn hold(name: &str, write: impl Fn(&str) -> String) {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let made = write(&text);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, made).unwrap();
        return;
    }
    let lines = text.lines().zip(made.lines());
    let difference = lines.enumerate().find(|(_, (line, made))| line != made);
    assert!(
        text == made,
        "{name} does not say what the program says; run this test with UPDATE=1: {difference:?}"
    );
}

/// A meaning as a sentence begins; units stay as they are.
fn sentence(setting: &Setting) -> String {
    let meaning = setting.plain_meaning();
    if meaning.starts_with("ms ") {
        return meaning;
    }
    let (first, rest) = meaning.split_at(1);
    first.to_uppercase() + rest
}

#[test]
fn the_guide_s_table_is_the_settings() {
    let row = |setting: &Setting| {
        let default = match setting.default {
            "" => String::new(),
            default => format!("`{default}` "),
        };
        format!("| `{}` | {default}| {} |\n", setting.name, setting.meaning)
    };
    hold("src/guide/settings.md", |text| {
        let heading = "| variable | default | meaning |\n|---|---|---|\n";
        let (before, rest) = text.split_once(heading).unwrap();
        let (_, after) = rest.split_once("\n\n").unwrap();
        let rows: String = SETTINGS.iter().map(row).collect();
        format!("{before}{heading}{rows}\n{after}")
    });
}

#[test]
fn the_guide_s_table_is_the_tools() {
    let tools = Tools::new();
    let listed = tools.list_all();
    let row = |tool: &Tool, toolset: &str| {
        let description = tool.description.as_deref().unwrap();
        let what = description.split(". ").next().unwrap_or(description);
        let what = what.trim_end_matches('.');
        let access = tools.declaration(&tool.name).unwrap().access.words();
        let parameters = tool.input_schema["properties"].as_object().unwrap();
        let parameters: Vec<_> = parameters.keys().map(|name| format!("`{name}`")).collect();
        format!(
            "| {toolset} | `{}` | {what} | {access} | {} |\n",
            tool.name,
            parameters.join(", ")
        )
    };
    let rows = |toolset: Toolset| {
        let belongs = |tool: &&Tool| tools.declaration(&tool.name).unwrap().toolset == toolset;
        let members = listed.iter().filter(belongs).enumerate();
        let rows = members.map(|(index, tool)| {
            let name = format!("`{}`", toolset.name());
            row(tool, if index == 0 { &name } else { "" })
        });
        rows.collect::<String>()
    };
    hold("src/guide/tools.md", |text| {
        let heading =
            "| toolset | tool | what it does | access | parameters |\n|---|---|---|---|---|\n";
        let (before, rest) = text.split_once(heading).unwrap();
        let (_, after) = rest.split_once("\n\n").unwrap();
        let rows: String = Toolset::ALL.into_iter().map(rows).collect();
        format!("{before}{heading}{rows}\n{after}")
    });
}

#[test]
fn the_example_s_lines_are_the_settings() {
    hold(".env.example", |text| {
        let (head, _) = text.split_once("\n\n").unwrap();
        let lines = SETTINGS.iter().map(|setting| {
            let (name, default) = (setting.name, setting.default);
            format!("# {}\n{name}={default}\n", sentence(setting))
        });
        format!("{head}\n\n{}", lines.collect::<String>())
    });
}

#[test]
fn the_registry_s_variables_are_the_settings() {
    let variable = |setting: &Setting| {
        let mut variable = Map::new();
        variable.insert("name".to_owned(), setting.name.into());
        variable.insert("description".to_owned(), sentence(setting).into());
        variable.insert("format".to_owned(), setting.format.into());
        if !setting.default.is_empty() {
            // As a `default`, clients would send it, and it would go before what a `.env` file says.
            variable.insert("placeholder".to_owned(), setting.default.into());
        }
        if !setting.choices.is_empty() {
            variable.insert("choices".to_owned(), json!(setting.choices));
        }
        if setting.is_secret {
            variable.insert("isSecret".to_owned(), true.into());
        }
        Value::Object(variable)
    };
    hold("server.json", |text| {
        let mut entry: Value = serde_json::from_str(text).unwrap();
        entry["packages"][0]["environmentVariables"] = SETTINGS.iter().map(variable).collect();
        serde_json::to_string_pretty(&entry).unwrap() + "\n"
    });
}

/// The most words of the README.
const README_WORDS: usize = 1_500;

#[test]
fn the_readme_is_short_and_leads_to_every_guide() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let words = readme.split_whitespace().count();
    assert!(words <= README_WORDS, "{words} words");
    let modules = std::fs::read_to_string(root.join("src/guide/mod.rs")).unwrap();
    for guide in guides() {
        let name = guide.file_stem().unwrap().to_str().unwrap();
        let link = format!("](src/guide/{name}.md)");
        assert!(readme.contains(&link), "README.md leads to {name}");
        let is_module = modules.lines().any(|line| line.trim() == name);
        assert!(is_module, "src/guide/mod.rs has {name}");
    }
}

#[test]
fn links_between_guides_lead_somewhere() {
    let definition = Regex::new(r"(?m)^\[(\w+)\]: (\S+)$").unwrap();
    let reference = Regex::new(r"\[(\w+)\](?:[^(:\[]|$)").unwrap();
    for guide in guides() {
        let text = std::fs::read_to_string(&guide).unwrap();
        let defined: BTreeMap<_, _> = definition
            .captures_iter(&text)
            .map(|found| (found[1].to_owned(), found[2].to_owned()))
            .collect();
        for (name, place) in &defined {
            assert_eq!(place, &format!("{name}.md"), "{guide:?}");
            assert!(guide.with_file_name(place).is_file(), "{guide:?}: {place}");
            let named = reference.captures_iter(&text);
            assert!(
                named.into_iter().any(|found| &found[1] == name),
                "{guide:?}: [{name}]"
            );
        }
    }
}

fn guides() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide");
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}
