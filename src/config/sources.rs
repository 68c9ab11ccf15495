//! The sources of settings, the one with the highest priority first: the command line, the environment, the
//! file of `--env-file`, `.env` in the checkout that this program was built in, and `.env` in the data
//! directory.

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::origin::SettingOrigin;
use super::raw::Layer;
use super::{Overrides, SETTINGS};
use crate::fs::expand_home;
use crate::fs::small_file;

/// The layers of settings, the one with the highest priority first.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) layers: Vec<(SettingOrigin, Layer)>,
    pub(super) warnings: Vec<String>,
    pub(super) ignored: Option<Ignored>,
}

/// A file of settings in the working directory that is not read.
#[derive(Debug)]
pub(super) struct Ignored {
    file: PathBuf,
    /// The settings that it has.
    names: Vec<&'static str>,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not read, for it may be a stranger's; if it is yours, start with --env-file=FILE, or put {} into the client's env block",
            self.file.display(),
            self.names.join(", ")
        )
    }
}

/// A variable that many other programs read too.
const COMMON_VARIABLE: &str = "LOG_LEVEL";

impl Sources {
    /// Reads all sources but the data directory's. Fails if the file of `--env-file` cannot be read.
    pub(super) fn read(overrides: &Overrides) -> Result<Self, String> {
        let mut sources = Self::default();
        let environment = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        sources
            .layers
            .push((SettingOrigin::Environment, environment.collect()));
        if let Some(path) = &overrides.env_file {
            sources.add_named(path)?;
        }
        sources.add_working_directory();
        Ok(sources)
    }

    fn add_named(&mut self, path: &Path) -> Result<(), String> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let bytes = small_file::read(&path)
            .map_err(|error| format!("--env-file `{}` cannot be read: {error}", path.display()))?;
        let layer = parse(&path, &bytes, &mut self.warnings);
        self.layers.push((SettingOrigin::File(path), layer));
        Ok(())
    }

    /// Reads `.env` in the working directory if this program is below it, as in its checkout. Clients start
    /// servers in the user's project, whose files may be anybody's.
    fn add_working_directory(&mut self) {
        let Ok(directory) = env::current_dir() else {
            return;
        };
        let file = directory.join(".env");
        let program = env::current_exe();
        if program.is_ok_and(|program| holds(&directory, &program, dirs::home_dir().as_deref())) {
            let layer = read_env_file(&file, &mut self.warnings);
            self.layers.push((SettingOrigin::File(file), layer));
            return;
        }
        let layer = read_env_file(&file, &mut Vec::new());
        let names = SETTINGS.iter().map(|setting| setting.name);
        let names: Vec<_> = names.filter(|name| layer.contains_key(*name)).collect();
        if names.iter().any(|name| *name != COMMON_VARIABLE) {
            self.ignored = Some(Ignored { file, names });
        }
    }

    /// The warning about the file that is not read; `None` if the same file is read by another name.
    pub(super) fn ignored_file(&mut self) -> Option<String> {
        let ignored = self.ignored.take()?;
        let file = ignored.file.canonicalize().ok()?;
        let is_it = |(origin, _): &(SettingOrigin, _)| match origin {
            SettingOrigin::File(path) => path.canonicalize().is_ok_and(|path| path == file),
            _ => false,
        };
        (!self.layers.iter().any(is_it)).then(|| ignored.to_string())
    }

    /// Adds `.env` in the data directory, in which `MCP_DATA_DIR` has no effect.
    pub(super) fn add_data_directory(&mut self, data_dir: &Path) {
        let file = data_dir.join(".env");
        let mut layer = read_env_file(&file, &mut self.warnings);
        let named = layer.remove("MCP_DATA_DIR");
        if named.is_some_and(|named| expand_home(named.trim()) != data_dir) {
            self.warnings.push(format!(
                "`MCP_DATA_DIR` in `{}` has no effect, for the file is found by it",
                file.display()
            ));
        }
        self.layers.push((SettingOrigin::File(file), layer));
    }
}

/// Says whether a program is below a directory, with symbolic links resolved. The home directory and its
/// parents do not count, because everything that a user has is below them.
fn holds(directory: &Path, program: &Path, home: Option<&Path>) -> bool {
    let (Ok(directory), Ok(program)) = (directory.canonicalize(), program.canonicalize()) else {
        return false;
    };
    let home = home.and_then(|home| home.canonicalize().ok());
    let holds_home = home.is_some_and(|home| home.starts_with(&directory));
    program.starts_with(&directory) && directory.parent().is_some() && !holds_home
}

/// Reads a `.env` file, if there is one. A line that cannot be parsed gives a warning.
pub(crate) fn read_env_file(path: &Path, warnings: &mut Vec<String>) -> Layer {
    match small_file::read(path) {
        Ok(bytes) => parse(path, &bytes, warnings),
        Err(error) if error.kind() == ErrorKind::NotFound => Layer::new(),
        Err(error) => {
            warnings.push(format!("`{}` cannot be read: {error}", path.display()));
            Layer::new()
        }
    }
}

fn parse(path: &Path, bytes: &[u8], warnings: &mut Vec<String>) -> Layer {
    let mut layer = HashMap::new();
    for line in dotenvy::from_read_iter(bytes) {
        match line {
            Ok((name, value)) => {
                layer.insert(name, value);
            }
            // The error's own message quotes the line, which may contain a secret.
            Err(_) => warnings.push(format!(
                "`{}` has a line that is not NAME=value; it was skipped",
                path.display()
            )),
        }
    }
    layer
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_checkout_holds_its_program_and_a_home_directory_does_not() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().join("home/me");
        let checkout = home.join("src/checkout");
        let program = checkout.join("target/debug/program");
        let installed = home.join(".cargo/bin/program");
        for program in [&program, &installed] {
            fs::create_dir_all(program.parent().unwrap()).unwrap();
            fs::write(program, "").unwrap();
        }
        let project = home.join("project");
        fs::create_dir(&project).unwrap();
        symlink(&program, project.join("program")).unwrap();
        symlink(&checkout, home.join("link")).unwrap();
        let holds = |directory: &Path, program: &Path| holds(directory, program, Some(&home));
        assert!(holds(&checkout, &program) && holds(&home.join("link"), &program));
        assert!(holds(&checkout.join("target"), &program));
        for directory in [&project, &place.path().join("none")] {
            assert!(
                !holds(directory, &project.join("program")),
                "{}",
                directory.display()
            );
        }
        for directory in [Path::new("/"), place.path(), &home, &home.join("src/..")] {
            for program in [&program, &installed] {
                assert!(!holds(directory, program), "{}", directory.display());
            }
        }
    }
}
