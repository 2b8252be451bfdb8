//! A lane: one turn in flight. What arrives meanwhile waits in the bounded queue and forms the
//! next turn, so that load makes turns larger and not more numerous.

use crate::application::{Application, CallError};
use crate::handle::Closing;
use crate::queue::{Event, Hint, LaneReceiver, Lanes, Wish};
use crate::room::{Batches, Room};
use crate::turn::Turn;
use crate::wake::{Timers, Waker};
use bytes::Bytes;
use protocol::frame::{AckStatus, Frame, Message};
use protocol::limits;
use protocol::turn::{Input, RoomAnswer, TurnResponse};
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
}

impl Lane {
    pub fn new(
        application: Arc<Application>,
        receiver: LaneReceiver,
        waker: Waker,
        lanes: Lanes,
        poll_interval: Duration,
    ) -> Self {
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
        }
    }

    /// Runs until `done`, which is cancelled after the last connection has ended.
    pub async fn run(mut self, done: CancellationToken) {
        while !done.is_cancelled() {
            if self.carried.is_none() && self.due.is_empty() {
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
        let Some(Hint { room, head }) = hint else {
            return;
        };
        if let Some((name, room)) = self.rooms.get_key_value(room.as_str())
            && !room.is_empty()
            && head > room.seen
        {
            self.due.insert(name.clone());
        }
    }

    /// What time alone brings: polls, and leaves of the dead.
    fn check(&mut self, turn: &mut Turn, now: Instant) {
        for (name, room) in &self.rooms {
            for (handle, session) in room.gone() {
                turn.leave(name, room.seen, handle, session);
            }
            if !room.is_empty() && now.duration_since(room.polled_at) >= self.poll_interval {
                self.due.insert(name.clone());
            }
        }
    }

    /// Fills the turn from the queue until it is full or the queue is empty.
    fn gather(&mut self, turn: &mut Turn) {
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
            Wish::Join { auth, version } => {
                let room = self.rooms.entry(name.clone()).or_insert_with(Room::new);
                turn.join(
                    &name,
                    room.seen,
                    from,
                    auth,
                    version,
                    room.expected_backfill,
                );
            }
            Wish::Update { batch, updates } => {
                let connection = from.id;
                let member = self.rooms.get(&name);
                match member.and_then(|room| Some((room.seen, room.session(connection)?.clone()))) {
                    Some((seen, session)) => {
                        let input = Input::Update {
                            connection,
                            batch,
                            session,
                            updates,
                        };
                        turn.input(&name, seen, from, bytes, input);
                    }
                    None => {
                        let message = Message::Ack {
                            batch,
                            status: AckStatus::PermissionDenied,
                        };
                        if let Ok(frame) = Frame::loro(&name, message).encode() {
                            from.send(vec![frame.into()]);
                        }
                    }
                }
            }
            Wish::Leave => {
                let member = self.rooms.get(&name);
                if let Some((seen, session)) =
                    member.and_then(|room| Some((room.seen, room.session(from.id)?.clone())))
                {
                    turn.leave(&name, seen, from, session);
                }
            }
        }
        Ok(())
    }

    /// Asks the application, twice if need be, and delivers its answers.
    async fn play(&mut self, mut turn: Turn) {
        let body = turn.encode();
        match self.ask(&turn, body).await {
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
                        let batches = &mut self.batches;
                        if room.apply(&name, answer, &turn.participants, batches) {
                            self.due.insert(name);
                        }
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, connections = turn.participants.len(), "a turn failed twice");
                for handle in turn.participants.values() {
                    handle.close(Closing::overload("try again later"));
                }
                for name in turn.rooms() {
                    if let Some(room) = self.rooms.get_mut(name) {
                        // The poll that failed is made again at its time, not at once.
                        room.polled_at = Instant::now();
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
