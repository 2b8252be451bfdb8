//! Updates that somebody damaged and then gave a right checksum: what a hostile client can send.
//! They may be taken or refused, but nothing panics, neither at import nor at the checkout.

mod common;

use common::*;
use loro::{ExportMode, LoroDoc, LoroText};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rooms::{Fate, Room};

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
    let fate = room.check_update(&bytes);
    if room.is_tainted() {
        // It is loaded again before it is used.
        assert!(fate != Fate::Append && fate != Fate::NothingNew, "{fate:?}");
        return;
    }
    let _ = room.at_latest(canvas::json::to_json);
    let _ = room.answer_join(&loro::VersionVector::default());
}

/// The same cases each time; `FORGED=200000` tries so many others. Loro itself is not free of panics
/// on forged movable lists (one in some ten thousand of such cases), which no check before the
/// import can know of.
fn config() -> ProptestConfig {
    let more = std::env::var("FORGED").ok();
    let more: Option<u32> = more.and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: more.unwrap_or(4_096),
        rng_seed: more.map_or(RngSeed::Fixed(7), |_| RngSeed::Random),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn rm5_forged_updates_panic_nothing(
        damage in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 1..4),
        cut in proptest::option::weighted(0.2, 0.0..1.0f64),
        is_snapshot in any::<bool>(),
    ) {
        survives(sample(if is_snapshot { "snapshot" } else { "updates" }), &damage, cut);
    }
}

/// An operation that was given no length: Loro takes it, and would panic when it is exported.
#[test]
fn rm5_an_operation_without_length_is_invalid() {
    let mut bytes = sample("updates");
    let at = 22 + ((bytes.len() - 22) as f64 * 0.721_482_957_699_901_9) as usize;
    bytes[at] = 0;
    forge(&mut bytes);
    let mut room = Room::load(0, 0, None, &[]);
    assert_eq!(room.check_update(&bytes), Fate::Invalid);
    assert!(room.is_tainted(), "it is loaded again");
}
