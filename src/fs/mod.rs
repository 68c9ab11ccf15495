//! Files on this machine: functions that read, write and replace them safely.

mod blocking;
mod flush;
pub(crate) mod free_space;
mod home;
mod lock;
mod path_completion;
mod private;
mod replace;
pub(crate) mod small_file;

pub use blocking::{BriefWork, blocking};
pub(crate) use flush::flush_filesystem;
pub(crate) use home::expand_home;
pub(crate) use lock::{lock_exclusively, lock_file, lock_for_reading, lock_patiently, try_lock};
pub(crate) use path_completion::complete_path;
pub(crate) use private::{make_private, private, set_mode};
pub(crate) use replace::{replace_file, sibling, sync_directory, write_durably, write_new};
