//! A member of one room, as any client of the platform is one: a WebSocket, Loro protocol v1 and a
//! local document that outlives connections.
//!
//! ```no_run
//! # async fn talk() -> Result<(), client::RoomError> {
//! use client::{Membership, Room};
//!
//! let mut room = Room::join(Membership::new("ws://127.0.0.1:8788/sync/p1", "a token")?);
//! room.joined().await?;
//! room.edit(|doc| doc.get_map("nodes").ensure_mergeable_map("n1")?.insert("title", "Hello"))?;
//! room.flushed().await?; // on the server's disk
//! room.leave().await
//! # }
//! ```
//!
//! The document is the queue: what the server lacks is found by version vectors at every join, so a
//! lost connection loses nothing and nothing needs to be remembered to be sent again.

mod backoff;
mod ending;
mod incoming;
mod presence;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loro::{LoroDoc, LoroValue};
pub use protocol::frame::Permission;
use tokio::sync::{Notify, watch};
use url::Url;

use self::backoff::Backoff;
use self::ending::Ending;
use self::session::Session;

/// Gives a token that is valid now, or says why it cannot.
pub type TokenSource = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// For the server to take what is still unsent, when a member leaves.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to join, and as whom.
#[derive(Clone)]
pub struct Membership {
    /// `ws://host/sync/<project>`
    pub url: Url,
    pub room: String,
    /// Asked again at each join, so tokens may be short-lived.
    pub token: TokenSource,
    /// Whether a room that can only be read is refused.
    pub writes: bool,
}

impl Membership {
    /// Membership of the room that is the last part of a URL, with one token for all joins.
    pub fn new(url: &str, token: &str) -> Result<Self, RoomError> {
        let url = Url::parse(url).map_err(|error| RoomError::Refused(error.to_string()))?;
        let parts = url.path_segments().and_then(Iterator::last);
        let room = parts.unwrap_or_default().to_owned();
        if room.is_empty() {
            return Err(RoomError::Refused(format!("{url} names no room")));
        }
        let token = token.to_owned();
        Ok(Self {
            url,
            room,
            token: Arc::new(move || Ok(token.clone())),
            writes: true,
        })
    }
}

/// Why a member is out of its room for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    #[error("the room cannot be joined: {0}")]
    Refused(String),
    #[error("this token may read the room but not write to it")]
    ReadOnly,
    #[error("the server refused an edit: {0}")]
    EditRefused(String),
    #[error("the server closed the room: {0}")]
    Closed(String),
    #[error("the member has left")]
    Left,
    #[error("the document cannot be edited: {0}")]
    Document(String),
}

impl From<loro::LoroError> for RoomError {
    fn from(error: loro::LoroError) -> Self {
        Self::Document(error.to_string())
    }
}

/// How the member stands with the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Not in the room now; says why, after the first failure.
    Connecting {
        reason: Option<String>,
    },
    /// In the room, and everything that the server had at the join is here.
    Joined,
    Ended(RoomError),
}

/// What a watcher of the room sees.
#[derive(Debug, Clone)]
pub struct Status {
    pub link: Link,
    /// What the last join allowed.
    pub permission: Option<Permission>,
    /// How often the room was joined.
    pub joins: u32,
    /// Operations of this member that the server has committed.
    pub acked: i32,
    /// Grows with every change that comes from others.
    pub revision: u64,
}

struct Shared {
    membership: Membership,
    doc: Mutex<LoroDoc>,
    status: watch::Sender<Status>,
    edited: Notify,
    leaving: Notify,
    presence: presence::Presence,
}

impl Shared {
    fn doc(&self) -> MutexGuard<'_, LoroDoc> {
        self.doc.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_operations(doc: &LoroDoc) -> i32 {
        doc.oplog_vv().get(&doc.peer_id()).copied().unwrap_or(0)
    }
}

/// A joined room. Dropping it leaves at once; [`Room::leave`] brings everything home first.
pub struct Room {
    shared: Arc<Shared>,
    status: watch::Receiver<Status>,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Room {
    /// Begins to join; [`Room::joined`] waits for it.
    pub fn join(membership: Membership) -> Self {
        Self::join_with(membership, LoroDoc::new())
    }

    /// The same with a document that was kept from before: what each side lacks is exchanged.
    pub fn join_with(membership: Membership, doc: LoroDoc) -> Self {
        let link = Link::Connecting { reason: None };
        let (sender, status) = watch::channel(Status {
            link,
            permission: None,
            joins: 0,
            acked: 0,
            revision: 0,
        });
        let doc = Mutex::new(doc);
        let shared = Arc::new(Shared {
            membership,
            doc,
            status: sender,
            edited: Notify::new(),
            leaving: Notify::new(),
            presence: presence::Presence::default(),
        });
        let driver = tokio::spawn(drive(shared.clone()));
        Self {
            shared,
            status,
            driver,
        }
    }

    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits until something about the room changes.
    pub async fn changed(&mut self) {
        // The sender lives in `shared`, so the channel cannot close while this exists.
        let _ = self.status.changed().await;
    }

    /// Waits until the member is in the room with everything the server has.
    pub async fn joined(&mut self) -> Result<(), RoomError> {
        self.until(|status| status.link == Link::Joined).await
    }

    pub fn read<T>(&self, look: impl FnOnce(&LoroDoc) -> T) -> T {
        look(&self.shared.doc())
    }

    /// Changes the document in one commit, which is sent at once, or when the room is joined again.
    pub fn edit<T>(&self, change: impl FnOnce(&LoroDoc) -> T) -> T {
        let doc = self.shared.doc();
        let result = change(&doc);
        doc.commit();
        drop(doc);
        self.shared.edited.notify_one();
        result
    }

    /// Shows the others something that nobody keeps, as a cursor: until it is hidden, or the member
    /// is gone. Keys are the room's: give each member one of its own.
    pub fn show(&self, key: &str, value: impl Into<LoroValue>) {
        self.shared.show(key, Some(value.into()));
    }

    pub fn hide(&self, key: &str) {
        self.shared.show(key, None);
    }

    /// What is shown in the room now, also by this member. Empty until the first look has been
    /// answered; [`Status::revision`] grows with every change.
    pub fn shown(&self) -> HashMap<String, LoroValue> {
        let shown = self.shared.presence.shown();
        self.shared.edited.notify_one();
        shown
    }

    /// Waits until the server has committed every edit made so far.
    pub async fn flushed(&mut self) -> Result<(), RoomError> {
        let made = Shared::own_operations(&self.shared.doc());
        let is_refused = |status: &Status| status.permission == Some(Permission::Read);
        self.until(|status| status.acked >= made || is_refused(status))
            .await?;
        match self.status.borrow().acked >= made {
            true => Ok(()),
            false => Err(RoomError::ReadOnly),
        }
    }

    /// Waits until every edit is committed, says goodbye and closes the connection. While the server
    /// is away there is nobody to wait for: after ten seconds what is unsent stays unsent.
    pub async fn leave(mut self) -> Result<(), RoomError> {
        let flushed = tokio::time::timeout(LEAVE_TIMEOUT, self.flushed()).await;
        self.shared.leaving.notify_one();
        // The driver ends by itself; one that hangs is ended by the drop.
        let _ = tokio::time::timeout(LEAVE_TIMEOUT, &mut self.driver).await;
        flushed.unwrap_or_else(|_| Err(RoomError::Closed("the server is away".to_owned())))
    }

    async fn until(&mut self, reached: impl Fn(&Status) -> bool) -> Result<(), RoomError> {
        loop {
            {
                let status = self.status.borrow_and_update();
                if let Link::Ended(error) = &status.link {
                    return Err(error.clone());
                }
                if reached(&status) {
                    return Ok(());
                }
            }
            self.changed().await;
        }
    }
}

/// Keeps the member in the room until the end is final.
async fn drive(shared: Arc<Shared>) {
    let mut backoff = Backoff::default();
    loop {
        let joins = shared.status.borrow().joins;
        let ending = Session::run(&shared).await;
        shared.presence.disconnected();
        let link = match ending {
            Ending::Final(error) => Link::Ended(error),
            Ending::Lost(reason) => {
                tracing::debug!("the connection to the room is lost: {reason}");
                Link::Connecting {
                    reason: Some(reason),
                }
            }
        };
        let over = matches!(link, Link::Ended(_));
        shared.status.send_modify(|status| status.link = link);
        if over {
            return;
        }
        if shared.status.borrow().joins > joins {
            backoff.reset();
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next()) => {}
            () = shared.leaving.notified() => return,
        }
    }
}
