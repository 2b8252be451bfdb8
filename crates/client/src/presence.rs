//! Presence (`%EPH`): what members show each other and nobody keeps, as cursors and selections. The
//! server forgets what a member showed with its connection; here it is shown again at the next.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use loro::LoroValue;
use loro::awareness::EphemeralStore;
use protocol::BatchId;
use protocol::frame::{Crdt, Frame, Message, RoomErrorCode};
use tokio_tungstenite::tungstenite::Message as SocketMessage;

use super::ending::{Ending, Step, lost};
use super::session::Session;
use super::{RoomError, Shared};

/// After which others may take an entry for outdated, in milliseconds: what the npm client uses.
const TIMEOUT_MS: i64 = 30_000;

/// What is shown in the room, ours and that of others.
pub(super) struct Presence {
    states: Mutex<States>,
}

struct States {
    store: EphemeralStore,
    /// Keys that this member has shown.
    own: BTreeSet<String>,
    /// Of those, what the server has not been told.
    unsent: BTreeSet<String>,
    /// Nothing is joined for those who neither show nor look.
    is_wanted: bool,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            states: Mutex::new(States {
                store: EphemeralStore::new(TIMEOUT_MS),
                own: BTreeSet::new(),
                unsent: BTreeSet::new(),
                is_wanted: false,
            }),
        }
    }
}

impl Presence {
    fn states(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn show(&self, key: &str, value: Option<LoroValue>) {
        let mut states = self.states();
        states.is_wanted = true;
        match value {
            Some(value) => states.store.set(key, value),
            None => states.store.delete(key),
        }
        states.own.insert(key.to_owned());
        states.unsent.insert(key.to_owned());
    }

    /// Everything that is shown now.
    pub fn shown(&self) -> HashMap<String, LoroValue> {
        let mut states = self.states();
        states.is_wanted = true;
        states.store.get_all_states().into_iter().collect()
    }

    /// Forgets what others showed: it is theirs to show it again. The store itself cannot: what is
    /// deleted in it would win over what comes back.
    pub fn disconnected(&self) {
        let mut states = self.states();
        let fresh = EphemeralStore::new(TIMEOUT_MS);
        let mut own = std::mem::take(&mut states.own);
        own.retain(|key| match states.store.get(key) {
            Some(value) => {
                fresh.set(key, value);
                true
            }
            None => false,
        });
        states.store = fresh;
        states.unsent = own.clone();
        states.own = own;
    }
}

impl Session<'_> {
    /// Joins the presence of the room if somebody wants it, and shows what is unsent.
    pub(super) async fn send_presence(&mut self) -> Step {
        if !self.shared.presence.states().is_wanted {
            return Ok(());
        }
        if !self.asked_for_presence {
            self.asked_for_presence = true;
            let token = self.token()?;
            let auth = token.as_bytes();
            let version = &[];
            return self
                .send_presence_frame(Message::JoinRequest { auth, version })
                .await;
        }
        if !self.is_present {
            return Ok(());
        }
        let updates: Vec<Vec<u8>> = {
            let mut states = self.shared.presence.states();
            let unsent = std::mem::take(&mut states.unsent);
            unsent.iter().map(|key| states.store.encode(key)).collect()
        };
        for update in updates {
            let batch = BatchId(rand::random());
            let updates = vec![update.as_slice()];
            self.send_presence_frame(Message::DocUpdate { updates, batch })
                .await?;
        }
        Ok(())
    }

    pub(super) async fn receive_presence(&mut self, message: Message<'_>) -> Step {
        match message {
            Message::JoinOk { .. } => self.is_present = true,
            Message::JoinError { .. } => self.is_present = false,
            Message::RoomError { code, .. } => {
                self.is_present = false;
                self.asked_for_presence = code != RoomErrorCode::Rejoin;
            }
            Message::DocUpdate { updates, .. } => {
                for update in updates {
                    let applied = self.shared.presence.states().store.apply(update);
                    applied.map_err(|error| {
                        lost(format!(
                            "the server sent presence that cannot be read: {error}"
                        ))
                    })?;
                }
                self.shared
                    .status
                    .send_modify(|status| status.revision += 1);
            }
            // Entries are small, and their Acks say nothing that could be done about them.
            _ => {}
        }
        self.send_presence().await
    }

    async fn send_presence_frame(&mut self, message: Message<'_>) -> Step {
        let room = &self.shared.membership.room;
        let frame = Frame {
            crdt: Crdt::Presence,
            room,
            message,
        };
        let frame = frame.encode();
        let frame = frame.map_err(|error| Ending::Final(RoomError::Refused(error.to_string())))?;
        self.send_raw(SocketMessage::binary(frame)).await
    }
}

impl Shared {
    pub(super) fn show(&self, key: &str, value: Option<LoroValue>) {
        self.presence.show(key, value);
        self.edited.notify_one();
    }
}
