//! Updates that somebody damaged and then gave a right checksum: what a hostile client can send.
//! They may be taken or refused, but nothing panics, neither at import nor at the checkout.

mod common;

use common::*;
use loro::{ExportMode, LoroDoc, LoroText};
use proptest::prelude::*;
use rooms::Room;

/// Puts the checksum right: XXH32 over everything from byte 20 on.
fn forge(bytes: &mut [u8]) {
    let checksum = xxhash_rust::xxh32::xxh32(&bytes[20..], u32::from_le_bytes(*b"LORO"));
    bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
}

/// A document with what clients use: maps, texts, lists.
fn sample(mode: &str) -> Vec<u8> {
    let document = LoroDoc::new();
    document.set_peer_id(3).unwrap();
    edit(
        &document,
        "n1",
        &[("type", "image".into()), ("x", 1.5.into())],
    );
    let nodes = document.get_map("nodes");
    let text = nodes.ensure_mergeable_map("n2").unwrap();
    let text = text.insert_container("text", LoroText::new()).unwrap();
    text.insert(0, "INT. LIGHTHOUSE").unwrap();
    text.delete(2, 3).unwrap();
    let list = document.get_movable_list("order");
    list.push("a").unwrap();
    list.push("b").unwrap();
    list.mov(0, 1).unwrap();
    document.commit();
    let mode = match mode {
        "snapshot" => ExportMode::Snapshot,
        _ => ExportMode::all_updates(),
    };
    document.export(mode).unwrap()
}

fn survives(mut bytes: Vec<u8>, damage: &[(f64, u8)], cut: Option<f64>) {
    for (at, value) in damage {
        let at = 22 + ((bytes.len() - 22) as f64 * at) as usize;
        bytes[at] = *value;
    }
    if let Some(cut) = cut {
        bytes.truncate(22 + ((bytes.len() - 22) as f64 * cut) as usize);
    }
    forge(&mut bytes);
    let mut room = Room::load(0, 0, None, &[]);
    let _ = room.check_update(&bytes);
    let _ = room.at_latest(canvas::json::to_json);
    let _ = room.answer_join(&loro::VersionVector::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn rm5_forged_updates_panic_nothing(
        damage in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..4),
        cut in proptest::option::weighted(0.2, 0.0..1.0f64),
        is_snapshot in any::<bool>(),
    ) {
        survives(sample(if is_snapshot { "snapshot" } else { "updates" }), &damage, cut);
    }
}
