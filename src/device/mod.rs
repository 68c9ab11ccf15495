//! Network devices and recorders, as far as their words go: prompts, pagers, complaints, and commands that only read.
//!
//! | module | what it is |
//! |---|---|
//! | `prompt` | the prompt of a device, in whichever mode it is |
//! | `family` | the families of devices, and how each is told to print without pauses |
//! | `pager` | lines at which a device waits for a key before it prints on |
//! | `complaint` | the words by which a device refuses a command |
//! | `software` | SSH software that devices run |
//! | `reading` | the commands that only read |

mod complaint;
mod family;
mod pager;
mod prompt;
mod reading;
mod software;

pub(crate) use complaint::complaint;
pub(crate) use pager::page_key;
pub(crate) use prompt::{DevicePrompt, PromptMatch};
pub(crate) use reading::only_reads;
pub(crate) use software::is_of_device;
