//! A file system of its own that is soon full.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Folder, directory};

/// A file system in memory. It is mounted for one process only, through which it is reached, so that
/// nothing stays mounted however the test ends.
pub struct SmallDisk {
    path: PathBuf,
    holder: Child,
    _folder: Folder,
}

impl SmallDisk {
    pub fn of_mebibytes(size: usize) -> Self {
        let folder = directory();
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg("mount -t tmpfs -o size=\"$1\"m none \"$0\" && echo mounted && exec cat")
            .args([folder.path().as_os_str(), size.to_string().as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line);
        assert!(
            said.is_ok() && line == "mounted\n",
            "a file system can be mounted"
        );
        let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
        Self {
            path: root.join(folder.path().strip_prefix("/").unwrap()),
            holder,
            _folder: folder,
        }
    }

    /// Its root, for every process.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
