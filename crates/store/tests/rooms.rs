//! RM4, OP5: logs and snapshots of any size, in values and answers that every back end takes.

mod common;

use common::{database, number, sql};
use futures::executor::block_on;
use store::native::Native;
use store::rooms::{self, Append, NewEntry, PART_BYTES};
use store::{begin, sql as named};

fn room(database: &Native) {
    sql(
        database,
        "INSERT INTO projects VALUES ('p1', 'default', 'one', 'alice', 5)",
        &[],
    );
}

fn append(database: &Native, head_seq: i64, entries: &[NewEntry], now_ms: i64) {
    let append = Append {
        room: "p1",
        epoch: 5,
        head_seq,
        entries,
    };
    let transaction = block_on(begin(database)).unwrap();
    let conflicts = block_on(rooms::append(&transaction, &[append], now_ms)).unwrap();
    assert!(conflicts.is_empty());
    block_on(transaction.commit()).unwrap();
}

/// An entry that no other looks like.
fn entry(seq: usize, bytes: usize) -> NewEntry {
    let bytes = (0..bytes).map(|at| (at * 31 + seq) as u8).collect();
    NewEntry {
        bytes,
        actor: "alice".into(),
    }
}

#[test]
fn rm4_a_log_with_entries_of_every_size_comes_back_as_it_was() {
    let database = database();
    room(&database);
    // A batch may have 8 MiB; a turn a little more.
    let sizes = [
        0,
        1,
        8_192,
        8_193,
        PART_BYTES - 1,
        PART_BYTES,
        PART_BYTES + 1,
        2 * PART_BYTES,
        8 << 20,
        3,
    ];
    let entries: Vec<NewEntry> = (1..)
        .zip(sizes)
        .map(|(seq, size)| entry(seq, size))
        .collect();
    append(&database, 0, &entries, 1);
    let read = block_on(rooms::log(&database, "p1", 0, 99)).unwrap();
    assert_eq!(read.len(), entries.len());
    for (seq, (read, entry)) in (1..).zip(read.iter().zip(&entries)) {
        assert_eq!(read.seq, seq);
        assert!(read.bytes == entry.bytes, "entry {seq} is another");
    }
    let part = block_on(rooms::log(&database, "p1", 4, 6)).unwrap();
    assert_eq!(
        part.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [5, 6]
    );
    let bytes: usize = sizes.iter().sum();
    let head = block_on(rooms::head(&database, "p1")).unwrap().unwrap();
    assert_eq!(head.log_bytes, bytes as i64);
}

#[test]
fn rm4_a_log_of_many_entries_is_read_in_pages() {
    let database = database();
    room(&database);
    let entries: Vec<NewEntry> = (1..=3_000).map(|seq| entry(seq, 4_000)).collect();
    append(&database, 0, &entries, 1);
    let before = database.round_trips();
    let read = block_on(rooms::log(&database, "p1", 0, 3_000)).unwrap();
    assert_eq!(database.round_trips() - before, 3);
    assert!(
        read.iter()
            .zip(&entries)
            .all(|(read, entry)| read.bytes == entry.bytes)
    );
    assert_eq!(read.len(), 3_000);
}

#[test]
fn rm4_a_snapshot_of_any_size_comes_back_and_takes_old_entries_with_it() {
    for bytes in [
        1,
        PART_BYTES,
        16 * PART_BYTES,
        16 * PART_BYTES + 1,
        40 * PART_BYTES,
    ] {
        let database = database();
        room(&database);
        append(&database, 0, &[entry(1, 3 * PART_BYTES), entry(2, 1)], 1);
        append(&database, 2, &[entry(3, 2 * PART_BYTES)], 100);
        let snapshot = entry(9, bytes).bytes;
        let transaction = block_on(begin(&database)).unwrap();
        let stored = rooms::store_snapshot(&transaction, "p1", 2, 0, &snapshot, 50);
        assert!(block_on(stored).unwrap());
        block_on(transaction.commit()).unwrap();
        let read = block_on(rooms::snapshot(&database, "p1", 2)).unwrap();
        assert!(read.as_ref() == Some(&snapshot), "{bytes} bytes");
        assert_eq!(block_on(rooms::snapshot(&database, "p1", 1)).unwrap(), None);
        // Entries of before are gone with all their parts, the newer one is whole.
        assert_eq!(
            number(&database, "SELECT count(*) AS n FROM room_updates"),
            1
        );
        assert_eq!(
            number(&database, "SELECT count(*) AS n FROM room_update_parts"),
            1
        );
        let log = block_on(rooms::log(&database, "p1", 0, 9)).unwrap();
        assert!(log.len() == 1 && log[0].bytes == entry(3, 2 * PART_BYTES).bytes);
        let head = block_on(rooms::head(&database, "p1")).unwrap().unwrap();
        assert_eq!(head.log_bytes, 2 * PART_BYTES as i64);
    }
}

#[test]
fn tk1_tasks_of_one_pass_are_inserted_in_values_of_bounded_size() {
    let database = database();
    room(&database);
    // Control characters are six bytes each in JSON.
    let task = |at: usize| rooms::NewTask {
        id: format!("t_{at}"),
        node: format!("n{at}"),
        kind: "image_gen".into(),
        prompt: "\u{1}".repeat(64 * 1024),
        params: "{}".into(),
        inputs: "[]".into(),
    };
    let tasks: Vec<_> = (0..40).map(task).collect();
    let transaction = block_on(begin(&database)).unwrap();
    let inserted = rooms::insert_tasks(&transaction, "p1", "default", &tasks, "server", 1);
    assert_eq!(block_on(inserted).unwrap().len(), 40);
    let again = rooms::insert_tasks(&transaction, "p1", "default", &tasks[..1], "server", 1);
    assert!(block_on(again).unwrap().is_empty());
    block_on(transaction.commit()).unwrap();
}

/// Rooms are claimed as everything else is: one that fails does not stand before the others.
#[test]
fn op3_rooms_that_are_behind_are_claimed_in_turn() {
    let database = database();
    for at in 0..10 {
        let id = format!("p{at}");
        let insert = "INSERT INTO projects VALUES (?, 'default', 'one', 'alice', 5)";
        sql(&database, insert, &[id.as_str().into()]);
        let insert = "INSERT INTO rooms (room_id, head_seq) VALUES (?, 1)";
        sql(&database, insert, &[id.as_str().into()]);
    }
    let claim = |now_ms: i64| {
        let claimed = rooms::claim_unprocessed(&database, now_ms, now_ms + 15_000, 4);
        let mut claimed = block_on(claimed).unwrap();
        claimed.sort();
        claimed.join(" ")
    };
    assert_eq!(claim(1_000), "p0 p1 p2 p3");
    block_on(rooms::mark_processed(&database, "p0", 1)).unwrap();
    assert_eq!(claim(1_000), "p4 p5 p6 p7");
    assert_eq!(claim(1_000), "p8 p9");
    assert_eq!(claim(1_000), "");
    // Those that nobody finished come again, the longest waiting first.
    assert_eq!(claim(16_000), "p1 p2 p3 p4");
    // The clock is set back by an hour: claims of its future do not count.
    assert_eq!(claim(-3_600_000).split(' ').count(), 4);
}

#[test]
fn op3_looking_for_rooms_that_are_behind_is_one_statement_by_index() {
    let database = database();
    let before = database.round_trips();
    assert!(
        block_on(rooms::claim_unprocessed(&database, 1, 2, 64))
            .unwrap()
            .is_empty()
    );
    assert_eq!(database.round_trips() - before, 1);
    let plan = format!("EXPLAIN QUERY PLAN {}", named!("rooms/has_unprocessed"));
    let plan = sql(&database, &plan, &[1.into(), 2.into()]);
    for row in plan.into_rows() {
        assert!(
            row.text("detail").unwrap().contains("USING INDEX"),
            "{row:?}"
        );
    }
}
