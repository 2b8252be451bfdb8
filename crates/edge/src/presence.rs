//! Presence (RM7): cursors and selections of those who are in a room. It lives here and nowhere
//! else, and does not wait for turns: connections bring their entries straight here, and what
//! changed goes out to the others at once, or gathered where that would be too much.
//!
//! Each key belongs to the connection that wrote it last, and goes with it. A removed key stays
//! known for a while, so that what a client remembers of somebody who left does not come back.

use crate::handle::Handle;
use crate::metrics::{Dropped, Metrics};
use bytes::Bytes;
use protocol::frame::{AckStatus, Crdt, Frame, Message, Permission};
use protocol::presence::{self, Entry};
use protocol::{BatchId, ConnectionId, limits};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The shortest time between two messages of a room: over what any screen shows.
const SHORTEST: Duration = Duration::from_millis(10);
/// The longest, whatever the room's size: a cursor that jumps once a second is still of use.
const LONGEST: Duration = Duration::from_secs(1);
/// What presence of one room may take of the network; larger rooms are told less often.
const ROOM_BYTES_PER_SECOND: f64 = 8e6;
/// A reader with more than this waiting is told everything later instead of each step now.
const BACKLOG_BYTES: usize = 256 * 1024;
/// How long a removed key is remembered: twice as long as clients keep what is not renewed.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Entries of one frame, so that it stays under the largest.
const FRAME_BYTES: usize = limits::FRAGMENT_BYTES - limits::PRESENCE_BYTES;
/// Longer keys are not names of people or windows.
const KEY_BYTES: usize = 256;
/// What an entry takes besides its key and value, roughly.
const ENTRY_BYTES: usize = 48;

/// How often a reader that was behind is looked at.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) struct Presences {
    state: Mutex<State>,
    /// A room has something to say later.
    later: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    rooms: HashMap<Arc<str>, Room>,
    /// Rooms that have something to say later.
    waiting: HashSet<Arc<str>>,
}

#[derive(Default)]
struct Room {
    members: HashMap<ConnectionId, Member>,
    entries: HashMap<Arc<str>, Held>,
    /// Keys and values of all entries.
    bytes: usize,
    /// Keys that the members have not been told of.
    changed: BTreeSet<Arc<str>>,
    /// Not before then.
    next: Option<Instant>,
}

struct Member {
    handle: Arc<Handle>,
    /// Keys and values that it owns.
    bytes: usize,
    keys: usize,
    /// It read too slowly, and is owed everything.
    is_behind: bool,
}

struct Held {
    /// `None`: removed at `since`.
    value: Option<Bytes>,
    timestamp_ms: i64,
    owner: ConnectionId,
    since: Instant,
}

impl Held {
    fn bytes(&self, key: &str) -> usize {
        ENTRY_BYTES + key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

impl Presences {
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            later: Notify::new(),
            metrics,
        })
    }

    /// A connection is in: it hears so, and who else is there.
    pub fn join(&self, name: &Arc<str>, handle: &Arc<Handle>, permission: Permission) {
        let mut state = self.lock();
        // Its end, if it came first, has nothing to take back.
        if handle.is_gone() {
            return;
        }
        let room = state.rooms.entry(name.clone()).or_default();
        let ok = Message::JoinOk {
            permission,
            version: &[],
            extra: &[],
        };
        let mut frames: Vec<Bytes> = frame(name, ok).into_iter().collect();
        frames.extend(room.everything(name));
        handle.send(frames);
        room.members.entry(handle.id).or_insert_with(|| {
            self.metrics.presence_members.inc();
            Member {
                handle: handle.clone(),
                bytes: 0,
                keys: 0,
                is_behind: false,
            }
        });
    }

    /// A connection is out, and what it showed goes with it at once.
    pub fn leave(&self, name: &Arc<str>, connection: ConnectionId) {
        let mut state = self.lock();
        let Some(room) = state.rooms.get_mut(name) else {
            return;
        };
        if room.members.remove(&connection).is_none() {
            return;
        }
        self.metrics.presence_members.dec();
        if room.members.is_empty() {
            state.rooms.remove(name);
            return;
        }
        let (now, now_ms) = (Instant::now(), unix_ms());
        let owned = room.entries.iter_mut();
        let owned = owned.filter(|(_, held)| held.owner == connection && held.value.is_some());
        for (key, held) in owned {
            room.bytes -= held.value.take().map_or(0, |value| value.len());
            held.timestamp_ms = now_ms.max(held.timestamp_ms.saturating_add(1));
            held.since = now;
            room.changed.insert(key.clone());
        }
        // Not gathered with cursors: who is gone should look gone.
        room.next = None;
        self.tell(&mut state, name, now);
    }

    /// Takes what a connection shows.
    pub fn update(
        &self,
        name: &Arc<str>,
        connection: ConnectionId,
        updates: &[&[u8]],
    ) -> AckStatus {
        let mut entries = Vec::new();
        for update in updates {
            match presence::decode(update) {
                Ok(some) => entries.extend(some),
                Err(_) => return AckStatus::InvalidUpdate,
            }
        }
        let ahead = unix_ms().saturating_add(limits::PRESENCE_AHEAD.as_millis() as i64);
        if entries.iter().any(|entry| entry.timestamp_ms > ahead) {
            return AckStatus::InvalidUpdate;
        }
        let mut state = self.lock();
        let Some(room) = state.rooms.get_mut(name) else {
            return AckStatus::PermissionDenied;
        };
        if !room.members.contains_key(&connection) {
            return AckStatus::PermissionDenied;
        }
        let now = Instant::now();
        let mut status = AckStatus::Ok;
        for entry in entries {
            if !room.put(entry, connection, now) {
                status = AckStatus::TooLarge;
            }
        }
        self.tell(&mut state, name, now);
        status
    }

    /// Tells the members now, or has it done later.
    fn tell(&self, state: &mut State, name: &Arc<str>, now: Instant) {
        let Some(room) = state.rooms.get_mut(name) else {
            return;
        };
        if room.tell(name, now, &self.metrics).is_some() && state.waiting.insert(name.clone()) {
            self.later.notify_one();
        }
    }

    /// Tells later what was not told at once, until `done`.
    pub async fn run(self: Arc<Self>, done: CancellationToken) {
        let mut next: Option<Instant> = None;
        loop {
            let at = next.unwrap_or_else(Instant::now);
            tokio::select! {
                () = done.cancelled() => return,
                () = self.later.notified() => {}
                () = tokio::time::sleep_until(at), if next.is_some() => {}
            }
            let now = Instant::now();
            let mut state = self.lock();
            let State { rooms, waiting } = &mut *state;
            next = None;
            waiting.retain(|name| {
                let room = rooms.get_mut(name);
                let later = room.and_then(|room| room.tell(name, now, &self.metrics));
                next = next.into_iter().chain(later).min();
                later.is_some()
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Tells the members what changed, if it is time. What is left is told at the returned time.
    fn tell(&mut self, name: &str, now: Instant, metrics: &Metrics) -> Option<Instant> {
        let is_due = self.next.is_none_or(|next| next <= now);
        if is_due && self.has_news() {
            self.forget(now);
            let sent = self.flush(name, metrics);
            let pause = Duration::from_secs_f64(sent as f64 / ROOM_BYTES_PER_SECOND);
            let shortest = if sent > 0 { SHORTEST } else { LOOK };
            self.next = Some(now + pause.clamp(shortest, LONGEST));
        }
        self.next.filter(|_| self.has_news())
    }

    fn has_news(&self) -> bool {
        !self.changed.is_empty() || self.members.values().any(|member| member.is_behind)
    }

    /// Takes an entry, unless a newer one is known. False: there is no room for it.
    fn put(&mut self, entry: Entry<'_>, connection: ConnectionId, now: Instant) -> bool {
        let known = self.entries.get(entry.key);
        let timestamp_ms = match known {
            // Times are milliseconds, and clients show more than one step in one: of their own
            // key the later message is the newer, and the others must be able to tell.
            Some(held) if held.owner == connection => {
                entry.timestamp_ms.max(held.timestamp_ms.saturating_add(1))
            }
            Some(held) if held.timestamp_ms >= entry.timestamp_ms => return true,
            Some(_) | None => entry.timestamp_ms,
        };
        // Removing what nobody knows of changes nothing.
        if known.is_none() && entry.value.is_none() {
            return true;
        }
        let new = Held {
            value: entry.value.map(Bytes::copy_from_slice),
            timestamp_ms,
            owner: connection,
            since: now,
        };
        let (adds, own) = (new.bytes(entry.key), self.owned(connection, entry.key));
        let frees = known.map_or(0, |held| held.bytes(entry.key));
        let is_too_much = entry.key.len() > KEY_BYTES
            || self.bytes + adds - frees.min(adds) > limits::PRESENCE_ROOM_BYTES
            || own.0 + adds > limits::PRESENCE_BYTES
            || own.1 >= limits::PRESENCE_KEYS;
        if is_too_much && new.value.is_some() {
            return false;
        }
        let key: Arc<str> = entry.key.into();
        if let Some(old) = self.entries.insert(key.clone(), new) {
            let bytes = old.bytes(&key);
            self.bytes -= bytes;
            if let Some(owner) = self.members.get_mut(&old.owner) {
                owner.bytes -= bytes;
                owner.keys -= 1;
            }
        }
        self.bytes += adds;
        if let Some(owner) = self.members.get_mut(&connection) {
            owner.bytes += adds;
            owner.keys += 1;
        }
        self.changed.insert(key);
        true
    }

    /// Bytes and keys that a connection owns besides this key.
    fn owned(&self, connection: ConnectionId, key: &str) -> (usize, usize) {
        let (bytes, keys) = match self.members.get(&connection) {
            Some(member) => (member.bytes, member.keys),
            None => return (0, 0),
        };
        match self.entries.get(key) {
            Some(held) if held.owner == connection => (bytes - held.bytes(key), keys - 1),
            Some(_) | None => (bytes, keys),
        }
    }

    /// Sends what changed to everybody who does not know it, and says how many bytes that were.
    fn flush(&mut self, name: &str, metrics: &Metrics) -> usize {
        let changed = std::mem::take(&mut self.changed);
        let held = |key: &Arc<str>| Some((key.clone(), self.entries.get(key)?));
        let news: Vec<_> = changed.iter().filter_map(held).collect();
        // Somebody alone in moving needs no echo.
        let sole = match news.split_first() {
            Some(((_, first), rest)) if rest.iter().all(|(_, held)| held.owner == first.owner) => {
                first.value.is_some().then_some(first.owner)
            }
            _ => None,
        };
        let frames = frames(name, news.iter().map(|(key, held)| (&**key, *held)));
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        let mut everything = None;
        let mut sent = 0;
        let mut told = Vec::new();
        for (connection, member) in &self.members {
            if member.handle.queued_bytes() > BACKLOG_BYTES {
                if !member.is_behind {
                    metrics.dropped(Dropped::PresenceOfSlowReader);
                }
                told.push((*connection, true));
            } else if member.is_behind {
                let all = everything.get_or_insert_with(|| self.everything(name));
                sent += all.iter().map(Bytes::len).sum::<usize>();
                member.handle.send(all.clone());
                told.push((*connection, false));
            } else if bytes > 0 && sole != Some(*connection) {
                sent += bytes;
                member.handle.send(frames.clone());
            }
        }
        for (connection, is_behind) in told {
            if let Some(member) = self.members.get_mut(&connection) {
                member.is_behind = is_behind;
            }
        }
        sent
    }

    /// All that is known, for those who come late or were behind: what was removed, too.
    fn everything(&self, name: &str) -> Vec<Bytes> {
        frames(name, self.entries.iter().map(|(key, held)| (&**key, held)))
    }

    /// Forgets what was removed long ago.
    fn forget(&mut self, now: Instant) {
        let Self {
            entries,
            members,
            bytes,
            ..
        } = self;
        entries.retain(|key, held| {
            let is_old = held.value.is_none() && now.duration_since(held.since) >= REMEMBERED;
            if is_old {
                let freed = held.bytes(key);
                *bytes -= freed;
                if let Some(owner) = members.get_mut(&held.owner) {
                    owner.bytes -= freed;
                    owner.keys -= 1;
                }
            }
            !is_old
        });
    }
}

/// DocUpdate frames of some entries.
fn frames<'a>(name: &str, entries: impl Iterator<Item = (&'a str, &'a Held)>) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut batch: Vec<Entry<'_>> = Vec::new();
    let mut bytes = 0;
    let mut write = |batch: &mut Vec<Entry<'_>>| {
        let update = presence::encode(batch.drain(..));
        let message = Message::DocUpdate {
            updates: vec![&update],
            batch: BatchId::from_u64(0),
        };
        frames.extend(frame(name, message));
    };
    for (key, held) in entries {
        let adds = held.bytes(key);
        if bytes + adds > FRAME_BYTES && !batch.is_empty() {
            write(&mut batch);
            bytes = 0;
        }
        bytes += adds;
        batch.push(Entry {
            key,
            value: held.value.as_deref(),
            timestamp_ms: held.timestamp_ms,
        });
    }
    if !batch.is_empty() {
        write(&mut batch);
    }
    frames
}

/// A frame of a room's presence. Its room came in a frame and its content is bounded.
fn frame(room: &str, message: Message<'_>) -> Option<Bytes> {
    let frame = Frame {
        crdt: Crdt::Presence,
        room,
        message,
    };
    frame.encode().ok().map(Bytes::from)
}

/// The wall clock, in milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests;
