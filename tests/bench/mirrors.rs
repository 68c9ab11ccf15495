//! Mirrors of a tree: the first, one of which nothing has changed, and one with a single new file.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::comparison::{Peer, timed};
use crate::server::Server;
use crate::sshd::Client;
use crate::table::Table;

/// Variants of rsync: as it is mostly called, and flushing to disk as this program does.
const RSYNC: [(&str, &[&str]); 2] = [
    ("rsync -a", &["-a", "--delete"]),
    ("rsync -a --fsync", &["-a", "--delete", "--fsync"]),
];

/// Files of the tree.
const FILES: usize = 10_000;

/// Makes a tree of small files in a hundred directories.
pub fn plant(place: &Path) -> PathBuf {
    let tree = place.join("mirrored");
    for number in 0..FILES {
        let folder = tree.join((number % 100).to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(number.to_string()), [7; 1024]).expect("a file");
    }
    tree
}

/// Compares mirrors of `tree` by this program with rsync over the same connection.
pub fn compare(
    server: &mut Server,
    client: &Client,
    tree: &Path,
    place: &Path,
    rounds: u64,
    table: &mut Table,
) {
    if !Client::has_rsync() {
        println!("rsync is not installed: mirrors are not compared");
        return;
    }
    // Other rows have left files at the paths that they were given.
    let new = |_: &str, target: &Path| target.with_extension("mirror");
    let first = peers(server, client, tree, new, || ());
    table.compare("first mirror of 10,000 files", rounds, first);

    // Each program has a target of its own, which its first round makes.
    let own = |name: &str, _: &Path| place.join(name.replace(' ', ""));
    let warm_up = peers(server, client, tree, own, || ());
    for mut peer in warm_up {
        (peer.work)(place);
    }
    let unchanged = peers(server, client, tree, own, || ());
    table.compare("mirror of 10,000 unchanged files", rounds * 3, unchanged);

    let length = Cell::new(0);
    let change = || {
        length.set(length.get() + 1);
        std::fs::write(tree.join("0/0"), vec![7; length.get()]).expect("a file");
    };
    let changed = peers(server, client, tree, own, change);
    table.compare("mirror of 10,000 files, one changed", rounds * 3, changed);
}

/// Makes peers that mirror `tree` to the path that `target` gives for their names. `prepare` comes before
/// each round, and its time does not count.
fn peers<'a>(
    server: &'a mut Server,
    client: &'a Client,
    tree: &'a Path,
    target: impl Fn(&str, &Path) -> PathBuf + Copy + 'a,
    prepare: impl Fn() + Clone + 'a,
) -> Vec<Peer<'a>> {
    let prepare_ours = prepare.clone();
    let mut all = vec![Peer {
        name: server.program.name.to_owned(),
        process: server.mcp.id(),
        work: Box::new(move |path| {
            prepare_ours();
            let arguments = json!({
                "direction": "upload", "local": tree, "remote": target("this", path), "mirror": true,
            });
            timed(|| server.ours("task_transfer", arguments))
        }),
    }];
    for (name, options) in RSYNC {
        let prepare = prepare.clone();
        all.push(Peer {
            name: name.to_owned(),
            process: client.master,
            work: Box::new(move |path| {
                prepare();
                timed(|| client.rsync(options, tree, &target(name, path)))
            }),
        });
    }
    all
}
