//! The program's state, which every tool works with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rmcp::model::RequestId;
use tokio::sync::OnceCell;

use crate::actor::CurrentActor;
use crate::api::Checker;
use crate::approval::{AskedQuestions, OpenQuestions, missing_notifier};
use crate::audit::{Calls, Trail};
use crate::config::Config;
use crate::error::Error;
use crate::fs::BriefWork;
use crate::guard::Guard;
use crate::job::{JobId, Jobs, KeptWork, Queue};
use crate::live_shell::OpenShells;
use crate::logging::MemoryLog;
use crate::monitor::overview::RecentOverviews;
use crate::secret::Vault;
use crate::sftp::{FileVersions, sweep_staged};
use crate::ssh::Pool;
use crate::store::apis::Apis;
use crate::store::servers::Servers;
use crate::store::{Catalogue, CatalogueEntry, DataDirectory, StoredSecrets};
use crate::sync::lock;
use crate::tunnel::OpenTunnels;

/// The time after which the first call goes on without the stored secrets if they cannot be read.
const SECRETS_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of a running program. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppState>);

struct AppState {
    offline: Offline,
    /// Filled once the stored secrets are known, and therefore masked in what is shown.
    secrets: OnceCell<()>,
    checker: Checker,
    jobs: Jobs,
    guard: Arc<Guard>,
    shells: OpenShells,
    tunnels: OpenTunnels,
    actor: CurrentActor,
    calls: Arc<Calls>,
    audit_turn: BriefWork,
    asked: AskedQuestions,
    log: MemoryLog,
    started: Instant,
    pending: Mutex<HashMap<RequestId, PendingWork>>,
    overviews: RecentOverviews,
}

/// The state without the job engine. It takes no job over from another process.
pub struct Offline {
    /// The settings.
    pub config: Arc<Config>,
    /// The data directory.
    pub data: DataDirectory,
    /// The stored secrets.
    pub vault: Vault,
    /// The configured servers.
    pub servers: Arc<Servers>,
    /// The catalogue of APIs.
    pub apis: Arc<Apis>,
    /// The connections.
    pub pool: Pool,
}

impl Offline {
    fn open(config: Config) -> Result<Self, Error> {
        let config = Arc::new(config);
        let data = DataDirectory::open(&config.data_dir)?;
        let vault = Vault::open(data.path(), config.secret_key.clone(), config.uses_keyring);
        let servers = Arc::new(Servers::open(&data, vault.clone()));
        Ok(Self {
            apis: Arc::new(Apis::open(&data, vault.clone())),
            pool: Pool::new(
                Arc::clone(&config),
                Arc::clone(&servers),
                &data,
                vault.clone(),
            ),
            config,
            data,
            vault,
            servers,
        })
    }

    /// The things that settings name and that are not there, a sentence each.
    pub fn absent(&self) -> Vec<String> {
        let notifier = missing_notifier(&self.config).map(|program| {
            format!("MCP_NOTIFY_COMMAND: there is no program `{program}`, so that it tells nobody of questions")
        });
        let roots = self.config.allowed_roots.iter();
        let roots = roots.filter(|root| !root.is_dir()).map(|root| {
            let root = root.display();
            format!(
                "MCP_ALLOWED_ROOTS: there is no directory `{root}`, so that nothing is moved in it"
            )
        });
        notifier.into_iter().chain(roots).collect()
    }

    /// Reads the stored secrets, so that they are masked in whatever is shown from now on. A keyring that
    /// waits for somebody is not waited for.
    pub async fn remember_secrets(&self) {
        let (servers, apis) = (Arc::clone(&self.servers), Arc::clone(&self.apis));
        let reading = tokio::task::spawn_blocking(move || {
            servers.remember_secrets();
            apis.remember_secrets();
        });
        let _ = tokio::time::timeout(SECRETS_TIMEOUT, reading).await;
    }
}

impl App {
    /// Opens the data directory, and takes over what an earlier process has left. Needs a tokio runtime,
    /// for saving and for the pool's upkeep.
    pub fn open(config: Config, log: MemoryLog) -> Result<Self, Error> {
        for warning in config.warnings.iter().chain(&config.ignored) {
            tracing::warn!("{warning}");
        }
        let offline = Offline::open(config)?;
        for absent in offline.absent() {
            tracing::warn!("{absent}");
        }
        let Offline {
            config,
            data,
            servers,
            apis,
            pool,
            vault,
        } = &offline;
        seal_clear(servers, config);
        seal_clear(apis, config);
        sweep_staged(data);
        let queue = Queue::open(Arc::clone(config), data)?;
        let actor = CurrentActor::new(config);
        let calls = Calls::new(Trail::open(data), queue.0.owner(), actor.clone());
        let calls = Arc::new(calls);
        let guard = Arc::new(Guard::open(
            Arc::clone(config),
            data,
            Arc::clone(servers),
            pool.clone(),
        ));
        let jobs = Jobs::new(
            Arc::clone(config),
            data,
            queue,
            pool.clone(),
            Arc::clone(&guard),
            (
                StoredSecrets::new(Arc::clone(servers), Arc::clone(apis), vault.clone()),
                FileVersions::open(data, vault.clone()),
                KeptWork::open(data, vault.clone()),
            ),
            actor.clone(),
        )?;
        Ok(Self(Arc::new(AppState {
            secrets: OnceCell::new(),
            checker: Checker::default(),
            jobs,
            shells: OpenShells::new(
                Arc::clone(&guard),
                Arc::clone(&calls),
                config.shell_idle_timeout,
            ),
            tunnels: OpenTunnels::new(Arc::clone(&guard), Arc::clone(&calls), data.clone()),
            guard,
            actor,
            calls,
            audit_turn: BriefWork::default(),
            asked: AskedQuestions::default(),
            log,
            started: Instant::now(),
            pending: Mutex::default(),
            overviews: RecentOverviews::default(),
            offline,
        })))
    }

    /// Opens the data directory without the job engine, for `doctor` and for those who watch.
    pub fn offline(config: Config) -> Result<Offline, Error> {
        Offline::open(config)
    }

    /// The state without the job engine.
    pub(crate) fn offline_part(&self) -> &Offline {
        &self.0.offline
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.offline.config
    }

    /// The data directory.
    pub fn data(&self) -> &DataDirectory {
        &self.0.offline.data
    }

    /// The configured servers.
    pub fn servers(&self) -> &Arc<Servers> {
        &self.0.offline.servers
    }

    /// The catalogue of APIs.
    pub fn apis(&self) -> &Arc<Apis> {
        &self.0.offline.apis
    }

    /// The stored secrets.
    pub fn vault(&self) -> &Vault {
        &self.0.offline.vault
    }

    /// The checker of APIs.
    pub fn checker(&self) -> &Checker {
        &self.0.checker
    }

    /// The connections.
    pub fn pool(&self) -> &Pool {
        &self.0.offline.pool
    }

    /// The job engine.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// The guard, which decides whether something may happen.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.0.guard
    }

    /// The shells that stay open.
    pub(crate) fn shells(&self) -> &OpenShells {
        &self.0.shells
    }

    /// Ends all that lives in this process alone, because the process ends.
    pub async fn close_all(&self, cause: &str) {
        tokio::join!(
            self.tunnels().close_all(cause),
            self.shells().close_all(cause)
        );
    }

    /// The tunnels.
    pub fn tunnels(&self) -> &OpenTunnels {
        &self.0.tunnels
    }

    /// The log's last lines.
    pub fn log(&self) -> &MemoryLog {
        &self.0.log
    }

    /// The calls in the audit trail.
    pub fn calls(&self) -> &Arc<Calls> {
        &self.0.calls
    }

    /// The one who acts.
    pub(crate) fn actor(&self) -> &CurrentActor {
        &self.0.actor
    }

    /// The turns in which lines are added to the audit trail.
    pub(crate) fn audit_turn(&self) -> &BriefWork {
        &self.0.audit_turn
    }

    /// The questions that clients were told to ask.
    pub(crate) fn asked(&self) -> &AskedQuestions {
        &self.0.asked
    }

    /// The overviews of the last minutes.
    pub(crate) fn overviews(&self) -> &RecentOverviews {
        &self.0.overviews
    }

    /// The questions that wait for a person at a terminal.
    pub(crate) fn open_questions(&self) -> &OpenQuestions {
        self.0.jobs.questions()
    }

    /// The time since the start.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Reads the stored secrets, so that they are masked in whatever is shown from now on. A keyring that
    /// waits for somebody is not waited for: a server's secrets are read again before a login.
    pub async fn remember_secrets(&self) {
        let remembering = || self.0.offline.remember_secrets();
        self.0.secrets.get_or_init(remembering).await;
    }

    /// Notes, until the result is dropped, that a request waits for this work.
    pub(crate) fn note_pending(&self, request: RequestId, work: PendingWork) -> PendingRequest<'_> {
        lock(&self.0.pending).insert(request.clone(), work);
        PendingRequest {
            state: &self.0,
            request,
        }
    }

    /// The work that a request waits for.
    pub(crate) fn pending_work(&self, request: &RequestId) -> Option<PendingWork> {
        lock(&self.0.pending).get(request).cloned()
    }
}

/// The work that a request waits for.
#[derive(Clone, Debug)]
pub(crate) enum PendingWork {
    /// A job that it has started.
    Job(JobId),
    /// The shell of this name, which has got its input.
    Shell(String),
}

/// A request that waits for its work.
pub(crate) struct PendingRequest<'a> {
    state: &'a AppState,
    request: RequestId,
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        lock(&self.state.pending).remove(&self.request);
    }
}

/// Encrypts what an earlier version, the original or a person has written in clear.
fn seal_clear<E: CatalogueEntry>(catalogue: &Catalogue<E>, config: &Config) {
    match catalogue.seal_clear(config.keep_clear_secrets) {
        Ok(0) => {}
        Ok(count) => tracing::warn!(
            "{} held the secrets of {count} in clear; they are encrypted now",
            E::FILE
        ),
        Err(error) => tracing::error!("secrets in {} stay in clear: {error}", E::FILE),
    }
}
