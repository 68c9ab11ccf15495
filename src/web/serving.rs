//! Serving the page's addresses to connections, of which other users of this machine may open as many as they like.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at the same time. A browser opens six.
const MOST_CONNECTIONS: usize = 128;
/// The time in which a request's headers have to be there, also the next one's on a connection that is kept.
const HEADERS_TIME: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted, for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves connections for ever. One that says nothing gives its place to others soon.
pub(super) async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let place = place.map_err(io::Error::other)?;
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_TIME)
                .serve_connection(TokioIo::new(stream), service);
            // A client that hangs up is told nothing.
            let _ = connection.await;
            drop(place);
        });
    }
}
