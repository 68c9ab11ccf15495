//! The end of a transfer besides its server: this machine, or the server that files come from.

use crate::error::Error;
use crate::sftp::error::Result;
use crate::sftp::filesystem::local::LocalFilesystem;
use crate::sftp::plan::paths::{resolve_local, resolve_remote};
use crate::sftp::request::TransferEntry;
use crate::sftp::session::Limits;
use crate::sftp::transfer::TransferRunner;
use crate::sftp::transfer::sessions::{SftpSessions, Workload};
use crate::ssh::Pool;

/// The end of a transfer besides its server.
pub(crate) trait Peer: Sized + Send + Sync {
    /// Opens what its files are reached by.
    fn open(transfer: &TransferRunner<'_>) -> impl Future<Output = Result<Self, Error>> + Send;
    /// Resolves the path that an entry has there.
    fn resolve(
        &self,
        transfer: &TransferRunner<'_>,
        entry: &TransferEntry,
    ) -> impl Future<Output = Result<String>> + Send;
    /// Fetches the limits of its sessions.
    fn fetch_limits(&self) -> impl Future<Output = Limits> + Send {
        std::future::ready(Limits::default())
    }
    /// Sets those limits, and opens further sessions where they help.
    fn widen(&mut self, _: Limits, _: Workload) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
    /// Its sessions, if it is a server.
    fn sessions(&self) -> Option<&SftpSessions> {
        None
    }
    /// Parks its sessions for the next transfer.
    fn park(self) {}
}

impl Peer for LocalFilesystem {
    async fn open(transfer: &TransferRunner<'_>) -> Result<Self, Error> {
        Ok(LocalFilesystem::within(transfer.roots))
    }

    async fn resolve(
        &self,
        transfer: &TransferRunner<'_>,
        entry: &TransferEntry,
    ) -> Result<String> {
        // It may have become a symbolic link since the job was authorized.
        let base = transfer.request.local_base(entry);
        transfer.roots.check_file(&base).await?;
        resolve_local(&entry.local)
    }
}

/// A server that files come from.
pub(crate) struct SourceServer {
    pub(crate) pool: Pool,
    pub(crate) alias: String,
    pub(crate) sessions: SftpSessions,
}

impl Peer for SourceServer {
    async fn open(transfer: &TransferRunner<'_>) -> Result<Self, Error> {
        let pool = transfer.source_pool.clone();
        let alias = transfer.request.source_alias.clone().unwrap_or_default();
        let sessions = SftpSessions::open(&pool, &alias, transfer.patience).await?;
        Ok(Self {
            pool,
            alias,
            sessions,
        })
    }

    async fn resolve(&self, _: &TransferRunner<'_>, entry: &TransferEntry) -> Result<String> {
        let session = self.sessions.first();
        resolve_remote(session, &self.pool, &self.alias, &entry.local).await
    }

    async fn fetch_limits(&self) -> Limits {
        self.sessions.first().fetch_limits().await
    }

    async fn widen(&mut self, limits: Limits, workload: Workload) {
        self.sessions.limit(limits);
        let reading = Workload {
            is_upload: false,
            ..workload
        };
        self.sessions.widen(&self.pool, &self.alias, reading).await;
    }

    fn sessions(&self) -> Option<&SftpSessions> {
        Some(&self.sessions)
    }

    fn park(self) {
        self.sessions.park();
    }
}
