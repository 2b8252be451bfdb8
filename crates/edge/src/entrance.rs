//! Where clients come in: accepting connections, up to a limit.

use crate::pulse::Pulse;
use crate::server::Shared;
use crate::tls::Tls;
use crate::transport::{Stream, Transport};
use crate::{peer, refusal};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// After a failed accept (too many open files) the next waits a little instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Clients that are told at the same time that there is no room; more are just closed.
const REFUSALS: usize = 64;
/// How long such a client may take to say something. An answer to what was not asked yet would
/// be lost on some.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A listening socket, and the certificate that is shown there.
pub struct Entrance {
    pub listener: TcpListener,
    pub tls: Option<Tls>,
}

impl From<TcpListener> for Entrance {
    fn from(listener: TcpListener) -> Self {
        Self {
            listener,
            tls: None,
        }
    }
}

/// Accepts until the shutdown.
pub(crate) async fn accept(entrance: Entrance, shared: Arc<Shared>, places: Arc<Semaphore>) {
    let acceptor = entrance.tls.as_ref().map(Tls::acceptor);
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let certificate_check = shared.options.limits.certificate_check;
    let fresh = async {
        match &entrance.tls {
            Some(tls) => tls.keep_fresh(certificate_check).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(fresh);
    loop {
        let accepted = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            () = fresh.as_mut() => return,
            accepted = entrance.listener.accept() => accepted,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let (acceptor, connection) = (acceptor.clone(), Arc::clone(&shared));
                shared
                    .tasks
                    .spawn(peer::serve(stream, client, acceptor, connection, place));
            }
            Err(_) => {
                tracing::warn!(%client, limit = shared.options.limits.connections, "too many connections");
                // A handshake costs more than the connection that there is no room for.
                let refusal = Arc::clone(&refusals).try_acquire_owned();
                if let (None, Ok(refusal)) = (&acceptor, refusal) {
                    shared.tasks.spawn(async move {
                        refuse(stream).await;
                        drop(refusal);
                    });
                }
            }
        }
    }
}

async fn refuse(stream: TcpStream) {
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, stream.readable()).await;
    let stream = Stream::Plain(stream);
    let mut transport = Transport::new(stream, Bytes::new(), false, Pulse::new());
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, async {
        transport.write_all(&refusal::full()).await?;
        transport.shutdown().await
    })
    .await;
}
