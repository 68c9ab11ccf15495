//! Ansible inventories.
//!
//! | module | what it is |
//! |---|---|
//! | `inventory` | the hosts and groups of what `ansible-inventory --list` prints |
//! | `host` | a host's variables as a server |
//! | `ssh_arguments` | the jump host among the arguments for `ssh` |
//! | `jumps` | the jump hosts as aliases |
//! | `read` | reading the file, or running `ansible-inventory` on it |

mod host;
mod inventory;
mod jumps;
mod read;
mod ssh_arguments;

pub(crate) use host::InventoryHost;
pub(crate) use jumps::with_jumps;
pub(crate) use read::read;
