//! Files on this machine: functions that read, write and replace them safely.

mod blocking;
mod home;
mod lock;
mod private;
mod replace;
pub(crate) mod small_file;

pub use blocking::blocking;
pub(crate) use home::expand_home;
pub(crate) use lock::{lock_exclusively, lock_file, lock_for_reading};
pub(crate) use private::{make_private, private};
pub(crate) use replace::{replace_file, sibling, write_durably, write_new};
