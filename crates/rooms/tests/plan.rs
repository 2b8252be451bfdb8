//! The node processor of a warm room reads what changed, and comes to the same as one that reads
//! everything.

use loro::{ExportMode, LoroDoc, VersionVector};
use proptest::collection::vec;
use proptest::prelude::*;
use rooms::Room;
use store::rooms::Entry;

const NODES: usize = 30;

/// Some edit of some node, or of the edge that leads to it.
fn edit(document: &LoroDoc, (node, what, source): (usize, usize, usize)) {
    let id = format!("n{node}");
    let node = document.get_map("nodes").ensure_mergeable_map(&id).unwrap();
    node.insert("type", "image").unwrap();
    match what {
        0 => node.insert("status", "generating").unwrap(),
        1 => node.insert("status", "completed").unwrap(),
        2 => node.insert("src", "/assets/p1/a").unwrap(),
        3 => node.insert("deleted", source % 2 == 0).unwrap(),
        4 => node.insert("prompt", "A lighthouse").unwrap(),
        _ => {
            let edge = document.get_map("edges").ensure_mergeable_map(&id).unwrap();
            edge.insert("source", format!("n{source}")).unwrap();
            edge.insert("target", id).unwrap();
        }
    }
    document.commit();
}

proptest! {
    #[test]
    fn tk1_a_plan_of_what_changed_is_the_plan_of_everything(
        bursts in vec(vec((0..NODES, 0..6_usize, 0..NODES), 1..6), 1..20),
    ) {
        let person = LoroDoc::new();
        for id in 0..NODES {
            edit(&person, (id, 4, id));
        }
        let mut room = Room::load(0, 0, None, &[]);
        let mut before = VersionVector::default();
        for (burst, seq) in bursts.into_iter().zip(1..) {
            for one in burst {
                edit(&person, one);
            }
            let bytes = person.export(ExportMode::updates(&before)).unwrap();
            before = person.oplog_vv();
            room.apply(&Entry { seq, bytes });
            if seq == 10 {
                room.export_snapshot().unwrap();
                room.renew(seq);
            }
            prop_assert_eq!(room.plan().unwrap(), canvas::plan(&person), "{}", seq);
        }
    }
}
