use super::*;
use crate::handle::Outgoing;
use tokio::sync::mpsc::UnboundedReceiver;

struct World {
    presences: Arc<Presences>,
    room: Arc<str>,
}

struct Person {
    handle: Arc<Handle>,
    outgoing: UnboundedReceiver<Outgoing>,
}

impl World {
    fn new() -> Self {
        Self {
            presences: Presences::new(Arc::new(Metrics::new())),
            room: "p1".into(),
        }
    }

    fn join(&self, id: u64) -> Person {
        let (handle, outgoing) = Handle::new(ConnectionId(id), 10 << 20);
        self.presences.join(&self.room, &handle, Permission::Write);
        Person { handle, outgoing }
    }

    fn show(&self, person: &Person, key: &str, value: Option<&[u8]>, at: i64) -> AckStatus {
        let timestamp_ms = unix_ms() + at;
        let entry = Entry {
            key,
            value,
            timestamp_ms,
        };
        let update = presence::encode([entry].into_iter());
        self.presences
            .update(&self.room, person.handle.id, &[&update])
    }
}

impl Person {
    /// What came since the last look: `JoinOk`, `key` or `-key`.
    fn hears(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        while let Ok(Outgoing::Frames(frames)) = self.outgoing.try_recv() {
            for bytes in frames {
                self.handle.written(bytes.len());
                let frame = Frame::decode(&bytes).unwrap();
                assert_eq!((frame.crdt, frame.room), (Crdt::Presence, "p1"));
                match frame.message {
                    Message::JoinOk { .. } => heard.push("JoinOk".to_owned()),
                    Message::DocUpdate { updates, .. } => {
                        for entry in updates
                            .iter()
                            .flat_map(|bytes| presence::decode(bytes).unwrap())
                        {
                            let sign = if entry.value.is_some() { "" } else { "-" };
                            heard.push(format!("{sign}{}", entry.key));
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        heard.sort();
        heard
    }
}

/// A string of so many bytes as a value.
fn text(length: usize) -> Vec<u8> {
    let mut value = vec![
        4,
        (length & 0x7f) as u8 | 0x80,
        (length >> 7 & 0x7f) as u8 | 0x80,
    ];
    value.push((length >> 14) as u8);
    value.extend(vec![b'x'; length]);
    value
}

#[tokio::test(start_paused = true)]
async fn rm7_late_joiners_hear_who_is_there_and_all_hear_who_went() {
    let world = World::new();
    let (mut alice, mut bob) = (world.join(1), world.join(2));
    assert_eq!(alice.hears(), ["JoinOk"]);
    assert_eq!(bob.hears(), ["JoinOk"]);
    assert_eq!(world.show(&alice, "alice", Some(&[1, 1]), 0), AckStatus::Ok);
    assert_eq!(bob.hears(), ["alice"]);
    assert_eq!(alice.hears(), [""; 0], "no echo");
    let mut carol = world.join(3);
    assert_eq!(carol.hears(), ["JoinOk", "alice"]);
    world.presences.leave(&world.room, alice.handle.id);
    assert_eq!(bob.hears(), ["-alice"]);
    assert_eq!(carol.hears(), ["-alice"]);
    assert_eq!(alice.hears(), [""; 0]);
    assert_eq!(
        world.show(&alice, "alice", Some(&[1, 1]), 5),
        AckStatus::PermissionDenied
    );
}

#[tokio::test(start_paused = true)]
async fn rm7_what_a_client_remembers_of_somebody_who_left_does_not_come_back() {
    let world = World::new();
    let (alice, mut bob) = (world.join(1), world.join(2));
    world.show(&alice, "alice", Some(&[1, 1]), -10);
    world.presences.leave(&world.room, alice.handle.id);
    bob.hears();
    // Bob's client sends all that it knows after a reconnect.
    assert_eq!(world.show(&bob, "alice", Some(&[1, 1]), -10), AckStatus::Ok);
    assert_eq!(world.join(3).hears(), ["-alice", "JoinOk"]);
}

#[tokio::test(start_paused = true)]
async fn rm7_a_key_goes_with_whoever_wrote_it_last() {
    let world = World::new();
    // The same person in a new connection, before the old one is known to be dead.
    let (old, new, mut bob) = (world.join(1), world.join(2), world.join(3));
    world.show(&old, "alice", Some(&[1, 0]), 0);
    tokio::time::advance(SHORTEST).await;
    world.show(&new, "alice", Some(&[1, 1]), 1);
    bob.hears();
    world.presences.leave(&world.room, old.handle.id);
    assert_eq!(bob.hears(), [""; 0]);
    tokio::time::advance(SHORTEST).await;
    world.presences.leave(&world.room, new.handle.id);
    assert_eq!(bob.hears(), ["-alice"]);
}

#[tokio::test(start_paused = true)]
async fn rm11_a_burst_is_gathered_into_one_message() {
    let world = World::new();
    let done = CancellationToken::new();
    let running = tokio::spawn(world.presences.clone().run(done.clone()));
    let (alice, mut bob) = (world.join(1), world.join(2));
    for step in 0..100 {
        world.show(&alice, "alice", Some(&[1, 1]), step);
    }
    tokio::time::sleep(SHORTEST * 3).await;
    let messages = bob.hears();
    assert_eq!(
        messages,
        ["JoinOk", "alice", "alice"],
        "the first step and the last"
    );
    done.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rm7_of_steps_in_one_millisecond_the_last_one_counts() {
    let world = World::new();
    let (alice, bob) = (world.join(1), world.join(2));
    let at_ms = unix_ms();
    let show = |person: &Person, value: &[u8]| {
        let entry = Entry {
            key: "alice",
            value: Some(value),
            timestamp_ms: at_ms,
        };
        let update = presence::encode([entry].into_iter());
        world
            .presences
            .update(&world.room, person.handle.id, &[&update])
    };
    for step in 0..10 {
        assert_eq!(show(&alice, &[3, step * 2]), AckStatus::Ok);
    }
    // Somebody else who repeats an old step changes nothing.
    show(&bob, &[3, 0]);
    let state = world.presences.lock();
    let held = &state.rooms["p1"].entries["alice"];
    assert_eq!(held.value.as_deref(), Some(&[3, 18][..]));
    assert_eq!(
        (held.timestamp_ms, held.owner),
        (at_ms + 9, ConnectionId(1))
    );
}

#[tokio::test(start_paused = true)]
async fn rm11_a_slow_reader_hears_everything_later() {
    let world = World::new();
    let done = CancellationToken::new();
    let running = tokio::spawn(world.presences.clone().run(done.clone()));
    let (alice, mut bob) = (world.join(1), world.join(2));
    bob.hears();
    let stuck = vec![Bytes::from(vec![0; BACKLOG_BYTES + 1])];
    bob.handle.send(stuck);
    world.show(&alice, "alice", Some(&[1, 1]), 0);
    tokio::time::sleep(SHORTEST * 2).await;
    world.show(&alice, "cursor", Some(&[1, 1]), 0);
    tokio::time::sleep(LOOK * 2).await;
    assert!(matches!(bob.outgoing.try_recv(), Ok(Outgoing::Frames(_))));
    assert!(bob.outgoing.try_recv().is_err(), "nothing more was queued");
    bob.handle.written(BACKLOG_BYTES + 1);
    tokio::time::sleep(LOOK * 2).await;
    assert_eq!(bob.hears(), ["alice", "cursor"]);
    done.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rm5_presence_has_its_bounds() {
    let world = World::new();
    let (alice, _bob) = (world.join(1), world.join(2));
    let day_ms = limits::PRESENCE_AHEAD.as_millis() as i64;
    for (case, key, value, at, expected) in [
        ("small", "k", text(100), 0, AckStatus::Ok),
        (
            "large",
            "l",
            text(limits::PRESENCE_BYTES),
            0,
            AckStatus::TooLarge,
        ),
        ("key", &"k".repeat(257), text(1), 0, AckStatus::TooLarge),
        (
            "future",
            "f",
            text(1),
            day_ms + 60_000,
            AckStatus::InvalidUpdate,
        ),
        ("near future", "f", text(1), day_ms - 60_000, AckStatus::Ok),
    ] {
        assert_eq!(
            world.show(&alice, key, Some(&value), at),
            expected,
            "{case}"
        );
    }
    let garbage = world
        .presences
        .update(&world.room, alice.handle.id, &[b"\xff"]);
    assert_eq!(garbage, AckStatus::InvalidUpdate);
    // Together they are too much; what was there stays, and may be replaced and removed.
    let large = text(limits::PRESENCE_BYTES / 2);
    assert_eq!(world.show(&alice, "a", Some(&large), 0), AckStatus::Ok);
    assert_eq!(
        world.show(&alice, "b", Some(&large), 0),
        AckStatus::TooLarge
    );
    assert_eq!(world.show(&alice, "a", Some(&large), 1), AckStatus::Ok);
    assert_eq!(world.show(&alice, "a", None, 2), AckStatus::Ok);
    assert_eq!(world.show(&alice, "b", Some(&large), 3), AckStatus::Ok);
}

#[tokio::test(start_paused = true)]
async fn rm11_what_a_room_holds_is_counted_right_and_forgotten() {
    let world = World::new();
    let (alice, bob) = (world.join(1), world.join(2));
    for step in 0..50 {
        let person = if step % 3 == 0 { &alice } else { &bob };
        let value = text(step * 7);
        let value = (step % 5 != 0).then_some(&value[..]);
        world.show(person, &format!("k{}", step % 4), value, step as i64);
    }
    let counted = |state: &State| {
        let room = &state.rooms["p1"];
        let bytes: usize = room.entries.iter().map(|(key, held)| held.bytes(key)).sum();
        let owned: usize = room.members.values().map(|member| member.bytes).sum();
        let keys: usize = room.members.values().map(|member| member.keys).sum();
        assert_eq!(
            (room.bytes, owned, keys),
            (bytes, bytes, room.entries.len())
        );
    };
    counted(&world.presences.lock());
    world.presences.leave(&world.room, bob.handle.id);
    let bytes = |state: &State| {
        let room = &state.rooms["p1"];
        let bytes: usize = room.entries.iter().map(|(key, held)| held.bytes(key)).sum();
        assert_eq!(room.bytes, bytes);
        bytes
    };
    bytes(&world.presences.lock());
    tokio::time::advance(REMEMBERED).await;
    for key in ["k0", "k1", "k2", "k3"] {
        world.show(&alice, key, None, 100);
    }
    tokio::time::advance(REMEMBERED).await;
    world.show(&alice, "last", Some(&[0]), 101);
    assert_eq!(
        bytes(&world.presences.lock()),
        ENTRY_BYTES + "last".len() + 1
    );
    world.presences.leave(&world.room, alice.handle.id);
    assert!(
        world.presences.lock().rooms.is_empty(),
        "an empty room is forgotten"
    );
}
