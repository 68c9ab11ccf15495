//! The page in a browser: a person sees what goes on, answers questions, and stops it. It is served on the loopback
//! interface by a process of its own, beside the programs that serve MCP.
//!
//! | module | what it is |
//! |---|---|
//! | `access` | the one-time link, the session, and the requests that are refused |
//! | `browser` | the person's own browser, which opens the link |
//! | `headers` | the headers of every response |
//! | `view` | the facts that the page shows |
//! | `feed`, `looks` | their changes, as they happen; the thread that looks for them |
//! | `output` | the output of a task, as it comes |
//! | `routes` | the addresses |
//! | `serving` | the connections |
//! | `page/` | the page itself: HTML, CSS and JavaScript as they are written, without a build |

mod access;
mod browser;
mod feed;
mod headers;
mod looks;
mod output;
mod routes;
mod serving;
mod view;

use std::io::{self, IsTerminal, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;

use crate::approval::OpenQuestions;
use crate::config::Config;
use crate::console::ConsoleError;
use crate::held::Holds;
use crate::observer::Observer;
use crate::samples::{SAMPLE_INTERVAL, Samples, sample_while};
use access::PageAccess;
use feed::ChangeFeed;

/// The way by which the page acts, in records and in the audit trail.
const ACTOR: &str = "web";
/// The options of `web`.
#[derive(Debug, Args)]
pub struct WebCommand {
    /// The port on 127.0.0.1; a free one without it
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// Leave the opening to you, also where there is a desktop
    #[arg(long)]
    no_open: bool,
}

/// The state behind the page.
struct WebPage {
    config: Config,
    observer: Observer,
    questions: OpenQuestions,
    holds: Holds,
    samples: Samples,
    access: PageAccess,
    feed: ChangeFeed,
}

impl WebCommand {
    /// Serves the page until the person ends it, after its link was printed.
    ///
    /// It needs a terminal, as answers to questions do: a program that runs commands is not to open it by itself.
    pub async fn run(self, config: Config, out: &mut impl Write) -> Result<(), ConsoleError> {
        if !io::stdin().is_terminal() {
            let problem = "`web` is for a person at a terminal";
            return Err(io::Error::other(problem).into());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let access = PageAccess::new(listener.local_addr()?.port());
        writeln!(
            out,
            "Open this link within 10 minutes; it works once:\n\n  {}\n\nCtrl-C ends the page.",
            access.link()
        )?;
        out.flush()?;
        let observer = Observer::open(config.clone()).await?;
        let data = &observer.offline().data;
        let link = access.link();
        let opened = (!self.no_open).then(|| browser::open(data, &link));
        let page = Arc::new(WebPage {
            questions: OpenQuestions::of(data),
            holds: Holds::of(data),
            samples: Samples::of(data),
            feed: ChangeFeed::default(),
            observer,
            access,
            config,
        });
        let router = routes::router(Arc::clone(&page));
        tokio::select! {
            served = serving::serve(listener, router) => served?,
            () = feed::follow(Arc::clone(&page)) => {}
            () = sample_while(page.observer.offline(), SAMPLE_INTERVAL, || page.feed.is_watched()) => {}
            ended = tokio::signal::ctrl_c() => ended?,
        }
        drop(opened);
        page.observer.offline().pool.close().await;
        Ok(())
    }
}
