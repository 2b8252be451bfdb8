//! Damaged updates: refused, never a panic, and the room is the same as before.

mod common;

use common::*;
use loro::LoroDoc;
use proptest::prelude::*;

fn two_updates() -> (Vec<u8>, Vec<u8>) {
    let alice = LoroDoc::new();
    alice.set_peer_id(1).unwrap();
    let first = edit(&alice, "n1", &[("type", "image".into()), ("x", 1.5.into())]);
    let second = edit(
        &alice,
        "n1",
        &[("title", "A lighthouse in the rain".into())],
    );
    (first, second)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn rm5_truncated_updates_are_invalid(cut in 0.0..1.0f64, is_second in any::<bool>()) {
        let (first, second) = two_updates();
        let whole = if is_second { &second } else { &first };
        let cut = (whole.len() as f64 * cut) as usize;
        let world = World::new();
        world.turn(0, vec![update(1, 1, vec![first.clone()])]);
        let before = world.json();
        let answer = world.turn(2, vec![update(1, 2, vec![whole[..cut].to_vec()])]);
        prop_assert_eq!(answer.outputs, [ack(1, 2, 4)]);
        prop_assert_eq!(world.json(), before);
    }

    #[test]
    fn rm5_flipped_updates_are_invalid(at in 0.0..1.0f64, bit in 0..8u8) {
        let (first, second) = two_updates();
        let mut bytes = second.clone();
        // The first 4 bytes after the magic are not covered by anything: they are unused padding.
        let at = (bytes.len() as f64 * at) as usize;
        bytes[at] ^= 1 << bit;
        let world = World::new();
        world.turn(0, vec![update(1, 1, vec![first])]);
        let before = world.json();
        let answer = world.turn(2, vec![update(1, 2, vec![bytes])]);
        if answer.outputs[0] == ack(1, 2, 4) {
            prop_assert_eq!(world.json(), before);
        } else {
            // Only bytes that mean nothing may be flipped unnoticed.
            prop_assert!((4..16).contains(&at), "byte {} was flipped unnoticed", at);
        }
        let answer = world.turn(2, vec![update(1, 3, vec![second])]);
        prop_assert_eq!(&answer.outputs[answer.outputs.len() - 1..][..1].len(), &1);
        prop_assert_eq!(&world.json()["nodes"]["n1"]["title"], "A lighthouse in the rain");
    }

    #[test]
    fn rm5_random_bytes_are_invalid(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let world = World::new();
        let answer = world.turn(0, vec![
            update(1, 1, vec![bytes.clone()]),
            join_at(2, "bob", bytes),
        ]);
        prop_assert_eq!(&answer.outputs[0], &ack(1, 1, 4));
    }
}
