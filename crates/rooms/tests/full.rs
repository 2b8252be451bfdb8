//! RM2, RL2: on a full disk nothing is acked that is not committed, and rooms go on when there is
//! space again. SQLite only: its limit of pages stands in for the disk.

mod common;

use common::*;
use loro::LoroDoc;
use protocol::turn::RoomTurn;
use rooms::RoomsError;
use store::StoreError;

#[test]
fn rl2_no_ack_on_a_full_disk_and_everything_goes_on_afterwards() {
    let mut world = World::new();
    let alice = LoroDoc::new();
    let turn = |bytes: Vec<u8>, batch: u64| {
        vec![RoomTurn {
            room: ROOM.into(),
            seen: 0,
            inputs: vec![update(1, batch, vec![bytes])],
        }]
    };
    let pages = world.number("SELECT page_count AS n FROM pragma_page_count()");
    world.sql(&format!("PRAGMA max_page_count = {}", pages + 40), &[]);
    let mut unacked = Vec::new();
    let acked = LoroDoc::new();
    for batch in 0..30 {
        let text = "x".repeat(10_000);
        let bytes = edit(&alice, &format!("n{batch}"), &[("prompt", text.into())]);
        match world.turn_of(turn(bytes.clone(), batch)) {
            Ok(answers) => {
                assert!(unacked.is_empty(), "acked after a gap");
                assert_eq!(answers[0].outputs[0], ack(1, batch, 0));
                acked.import(&bytes).unwrap();
            }
            Err(error) => {
                assert!(
                    matches!(error, RoomsError::Store(StoreError::Full(_))),
                    "{error}"
                );
                unacked.push((batch, bytes));
            }
        }
    }
    assert!(unacked.len() > 5 && unacked.len() < 30, "{}", unacked.len());
    // What is there is what was acked, in this process and in a fresh one.
    assert_eq!(world.json(), json(&acked));
    world.cold();
    assert_eq!(world.json(), json(&acked));
    world.sql("PRAGMA max_page_count = 100000", &[]);
    for (batch, bytes) in unacked {
        let answers = world.turn_of(turn(bytes.clone(), batch)).unwrap();
        assert_eq!(answers[0].outputs[0], ack(1, batch, 0));
        acked.import(&bytes).unwrap();
    }
    world.cold();
    assert_eq!(world.json(), json(&acked));
}
