//! A lane: one turn in flight. What arrives meanwhile waits in the bounded queue and forms the
//! next turn, so that load makes turns larger and not more numerous.

use crate::application::{Application, CallError};
use crate::handle::Closing;
use crate::metrics::{Dropped, Metrics};
use crate::options::Limits;
use crate::presence::{Presences, unix_ms};
use crate::queue::{Event, Hint, LaneReceiver, Lanes, Wish};
use crate::rate::Rate;
use crate::room::{Around, Batches, Room};
use crate::turn::Turn;
use crate::wake::{Timers, Waker};
use bytes::Bytes;
use protocol::frame::{AckStatus, Frame, Message};
use protocol::limits;
use protocol::turn::{Channel, Input, RoomAnswer, TurnResponse};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Before the one retry of a turn: an application that restarts an instance needs a moment.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// Events looked at for one turn. Some become no input (an update of a stranger), so a flood of
/// those must not keep the others waiting.
const EVENTS_PER_TURN: usize = 2 * limits::TURN_INPUTS;
/// Sessions checked in one turn, so that a change in a large room does not hold up its writers.
const CHECKS_PER_TURN: usize = 128;
/// The poll interval is checked that many times within itself.
const CHECKS_PER_POLL: u32 = 5;

pub(crate) struct Lane {
    application: Arc<Application>,
    receiver: LaneReceiver,
    rooms: HashMap<Arc<str>, Room>,
    /// An event that was taken, and belongs to the next turn.
    carried: Option<Event>,
    /// Rooms to be polled with the next turn.
    due: HashSet<Arc<str>>,
    poll_interval: Duration,
    next_check: Instant,
    timers: Timers,
    waker: Waker,
    lanes: Lanes,
    batches: Batches,
    presences: Arc<Presences>,
    metrics: Arc<Metrics>,
    room_updates: Rate,
    /// Rooms with sessions to be checked.
    to_check: HashSet<Arc<str>>,
    started: Instant,
}

impl Lane {
    pub fn new(
        application: Arc<Application>,
        receiver: LaneReceiver,
        waker: Waker,
        lanes: Lanes,
        presences: Arc<Presences>,
        metrics: Arc<Metrics>,
        limits: &Limits,
    ) -> Self {
        let poll_interval = limits.poll_interval;
        Self {
            application,
            receiver,
            rooms: HashMap::new(),
            carried: None,
            due: HashSet::new(),
            poll_interval,
            next_check: Instant::now() + poll_interval / CHECKS_PER_POLL,
            timers: Timers::default(),
            waker,
            lanes,
            batches: Batches::default(),
            presences,
            metrics,
            room_updates: limits.room_updates,
            to_check: HashSet::new(),
            started: Instant::now(),
        }
    }

    /// Runs until `done`, which is cancelled after the last connection has ended.
    pub async fn run(mut self, done: CancellationToken) {
        while !done.is_cancelled() {
            if self.carried.is_none() && self.due.is_empty() && self.to_check.is_empty() {
                let timer = self
                    .timers
                    .next()
                    .map_or(self.next_check, |at| at.min(self.next_check));
                tokio::select! {
                    biased;
                    event = self.receiver.events.recv() => self.take(event),
                    hint = self.receiver.hints.recv() => self.on_hint(hint),
                    () = sleep_until(timer) => {}
                    () = done.cancelled() => break,
                }
            }
            while let Ok(hint) = self.receiver.hints.try_recv() {
                self.on_hint(Some(hint));
            }
            let now = Instant::now();
            let awake = self.timers.fire(now);
            if !awake.is_empty() {
                self.waker.wake(awake, &self.lanes);
            }
            let mut turn = Turn::default();
            if self.next_check <= now {
                self.next_check = now + self.poll_interval / CHECKS_PER_POLL;
                self.check(&mut turn, now);
            }
            self.gather(&mut turn);
            if !turn.is_empty() {
                self.play(turn).await;
            }
        }
    }

    fn take(&mut self, event: Option<Event>) {
        if let Some(event) = &event {
            self.receiver.taken(event);
        }
        self.carried = event;
    }

    fn on_hint(&mut self, hint: Option<Hint>) {
        match hint {
            Some(Hint::Head { room, head }) => {
                if let Some((name, room)) = self.rooms.get_key_value(room.as_str())
                    && !room.is_empty()
                    && head > room.seen
                {
                    self.due.insert(name.clone());
                }
            }
            // Each room's next answer tells whether it is concerned.
            Some(Hint::Access) => self.due.extend(self.rooms.keys().cloned()),
            None => {}
        }
    }

    /// What time alone brings: polls, leaves of the dead, and sessions that end.
    fn check(&mut self, turn: &mut Turn, now: Instant) {
        let now_ms = unix_ms().unsigned_abs();
        for (name, room) in &mut self.rooms {
            if room.has_due_sessions(now_ms) {
                self.to_check.insert(name.clone());
            }
            for (handle, session) in room.gone() {
                turn.leave(name, room.seen, handle, session);
            }
            if !room.is_empty() && now.duration_since(room.polled_at) >= self.poll_interval {
                self.due.insert(name.clone());
            }
        }
    }

    /// Fills the turn with sessions to be checked, and from the queue until it is full or the
    /// queue is empty.
    fn gather(&mut self, turn: &mut Turn) {
        self.gather_checks(turn);
        for _ in 0..EVENTS_PER_TURN {
            if self.carried.is_none() {
                let next = self.receiver.events.try_recv().ok();
                self.take(next);
            }
            let Some(event) = self.carried.take() else {
                break;
            };
            if let Err(event) = self.add(turn, event) {
                self.carried = Some(event);
                break;
            }
        }
        let rooms = &self.rooms;
        self.due.retain(|name| match rooms.get(name) {
            Some(room) if !room.is_empty() => !turn.poll(name, room.seen),
            _ => false,
        });
    }

    fn gather_checks(&mut self, turn: &mut Turn) {
        let now_ms = unix_ms().unsigned_abs();
        let (mut left, rooms) = (CHECKS_PER_TURN, &mut self.rooms);
        self.to_check.retain(|name| {
            let Some(room) = rooms.get_mut(name) else {
                return false;
            };
            let due = room.take_due_sessions(now_ms, left);
            left -= due.len();
            for (connection, session) in due {
                turn.check(name, room.seen, connection, session);
            }
            left == 0
        });
    }

    /// Adds an event to the turn, or gives it back for the next one.
    fn add(&mut self, turn: &mut Turn, event: Event) -> Result<(), Event> {
        let bytes = event.bytes();
        if !turn.has_room_for(bytes) || turn.is_moving(&event.room, event.from.id) {
            return Err(event);
        }
        let name = &event.room;
        if let Wish::Join { .. } = event.wish {
            let expected = self
                .rooms
                .get(name)
                .map_or(0, |room| room.expected_backfill);
            if !turn.has_room_for_backfill(expected) {
                return Err(event);
            }
        }
        let Event {
            room: name,
            from,
            wish,
        } = event;
        match wish {
            Wish::Join {
                channel,
                auth,
                version,
            } => {
                let (metrics, rate) = (&self.metrics, self.room_updates);
                let room = self.rooms.entry(name.clone()).or_insert_with(|| {
                    metrics.rooms.inc();
                    Room::new(rate)
                });
                let expected = match channel {
                    Channel::Document => room.expected_backfill,
                    Channel::Presence => 0,
                };
                let joining = (channel, auth, version);
                turn.join(&name, room.seen, from, joining, expected);
            }
            Wish::Update { batch, updates } => {
                let connection = from.id;
                let now_ms = self.started.elapsed().as_millis() as u64;
                let member = self.rooms.get_mut(&name).and_then(|room| {
                    let session = room.session(connection)?.clone();
                    Some((room.seen, session, room.updates.take(1.0, now_ms)))
                });
                match member {
                    Some((seen, session, true)) => {
                        let input = Input::Update {
                            connection,
                            batch,
                            session,
                            updates,
                        };
                        turn.input(&name, seen, from, bytes, input);
                    }
                    refused => {
                        let status = match refused {
                            Some(_) => {
                                self.metrics.dropped(Dropped::RoomRate);
                                AckStatus::RateLimited
                            }
                            None => AckStatus::PermissionDenied,
                        };
                        let message = Message::Ack { batch, status };
                        if let Ok(frame) = Frame::loro(&name, message).encode() {
                            from.send(vec![frame.into()]);
                        }
                    }
                }
            }
            Wish::Leave(channel) => {
                let left = self.rooms.get_mut(&name).and_then(|room| {
                    let session = room.leave(from.id, channel)?;
                    Some((room.seen, session))
                });
                if let Some((seen, session)) = left {
                    turn.leave(&name, seen, from, session);
                }
            }
        }
        Ok(())
    }

    /// Asks the application, twice if need be, and delivers its answers.
    async fn play(&mut self, mut turn: Turn) {
        let body = turn.encode();
        let began = Instant::now();
        let answers = self.ask(&turn, body).await;
        self.metrics.turn(turn.inputs(), began.elapsed());
        match answers {
            Ok(answers) => {
                for answer in answers {
                    let Some((name, _)) = self.rooms.get_key_value(answer.room.as_str()) else {
                        continue;
                    };
                    let name = name.clone();
                    if let Some(after_ms) = answer.wake_after_ms {
                        self.timers.arm(&name, after_ms, Instant::now());
                    }
                    if let Some(room) = self.rooms.get_mut(&name) {
                        let mut around = Around {
                            participants: &turn.participants,
                            batches: &mut self.batches,
                            presences: &self.presences,
                        };
                        let applied = room.apply(&name, answer, &mut around);
                        if applied.has_stale_sessions {
                            self.to_check.insert(name.clone());
                        }
                        if applied.is_large {
                            self.due.insert(name);
                        }
                    }
                }
            }
            Err(error) => {
                self.metrics.dropped(Dropped::Turn);
                tracing::error!(%error, connections = turn.participants.len(), "a turn failed twice");
                for handle in turn.participants.values() {
                    handle.close(Closing::overload("try again later"));
                }
                for name in turn.rooms() {
                    if let Some(room) = self.rooms.get_mut(name) {
                        room.failed();
                    }
                }
            }
        }
        for name in turn.rooms() {
            let Some(room) = self.rooms.get_mut(name) else {
                continue;
            };
            for connection in turn.leaving(name) {
                room.remove(name, connection);
            }
            if room.is_empty() {
                self.rooms.remove(name);
                self.metrics.rooms.dec();
            }
        }
    }

    async fn ask(&self, turn: &Turn, body: Bytes) -> Result<Vec<RoomAnswer<Bytes>>, CallError> {
        match self.ask_once(turn, body.clone()).await {
            Err(error) => {
                tracing::warn!(%error, bytes = body.len(), "a turn failed, it is tried again");
                tokio::time::sleep(RETRY_AFTER).await;
                self.ask_once(turn, body).await
            }
            answers => answers,
        }
    }

    async fn ask_once(
        &self,
        turn: &Turn,
        body: Bytes,
    ) -> Result<Vec<RoomAnswer<Bytes>>, CallError> {
        let answer = self.application.turn(body).await?;
        let broken = |why: String| CallError::Answer(why);
        let response = TurnResponse::decode_with(&answer, |bytes| answer.slice_ref(bytes))
            .map_err(|error| broken(error.to_string()))?;
        let mut answered = HashSet::new();
        for answer in &response.rooms {
            if !turn.contains(&answer.room) || !answered.insert(answer.room.as_str()) {
                return Err(broken(format!(
                    "room {:?} was not asked about, or is answered twice",
                    answer.room
                )));
            }
        }
        if answered.len() != turn.len() {
            return Err(broken(format!(
                "{} of {} rooms are answered",
                answered.len(),
                turn.len()
            )));
        }
        Ok(response.rooms)
    }
}
