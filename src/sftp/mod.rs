//! SFTP: files and trees, both ways (draft-ietf-secsh-filexfer-02).
//!
//! | room | what it holds, from the top down |
//! |---|---|
//! | [`transfer`] | a transfer from its request to its summary, over as many connections as it takes |
//! | `remote_files` | single files of a server, read and changed one at a time |
//! | `file_change`, `file_snapshot` | single files as they are before a change, and the way back from it |
//! | `owners` | owners of files, from names to numbers and back |
//! | `versions`, `restore` | versions of files, kept before tasks change them; how they are put back |
//! | `remote_directories` | directories of a server |
//! | `digest` | trees with the checksums of their files |
//! | `plan` | the files that a transfer copies, with source and target of each |
//! | `session` | an SFTP session on a server: operations, outstanding requests, how it starts |
//! | `filesystem` | files of this machine and of a server behind one trait |
//! | `error` | failures as transfers tell them apart |
//! | `wire` | packets of the protocol |
//! | `request` | requests of callers |
//! | `hidden_name` | names of files that wait beside others |
//! | `path`, [`spelling`] | paths on a server; paths as people write them |

mod digest;
mod error;
mod file_change;
mod file_snapshot;
mod filesystem;
mod hidden_name;
mod owners;
mod path;
mod plan;
mod remote_directories;
mod remote_files;
mod request;
mod restore;
mod session;
pub mod spelling;
pub mod transfer;
mod versions;
mod wire;

pub use digest::{DigestEntry, EntryContent, TreeAccess, TreeDigest, TreePlace};
pub use file_change::LocatedFile;
pub use file_snapshot::{FileSnapshot, sha256};
pub use filesystem::metadata::{FileType, Metadata};
pub use filesystem::roots::Roots;
pub use owners::OwnerNames;
pub use path::RemotePath;
pub use plan::approval::APPROVED;
pub use plan::destination::{MayWrite, WriteCheck};
pub(crate) use remote_files::sweep_staged;
pub use remote_files::{FileAccess, RemoteFiles};
pub use restore::{LocalFiles, RestoreSide, Restored, StagedRestore};
pub(crate) use session::shell_server::ok_status;
pub use transfer::backup::BACKUPS;
pub use transfer::notes::Notes;
pub use transfer::progress::{TransferProgress, TransferTotals};
pub use transfer::replacement::{ExpectedContent, ReplaceOptions, Replacements};
pub use versions::{
    FileFacts, FileVersions, KeptVersion, LONGEST_VERSION, PathState, VersionKeeper, VersionPack,
    VersionSide,
};
