//! AS1, AS3: uploads, jobs, and the removal of what nobody needs.

mod common;

use common::{assert_nothing_open, database, number, open, sql};
use futures::executor::block_on;
use store::assets::{
    self, AssetRow, CHUNK_BYTES, Garbage, Job, JobKind, ObjectRow, ObjectState, Sweep, Thumbnail,
};
use store::native::Native;
use store::projects::{self, ProjectRow};
use store::uploads::{self, Bytes, Finished, Kind, UploadRow, Writer};
use store::{Database, DueAt, migrate};

const HOUR_MS: i64 = 3_600_000;

fn project(database: &impl Database, id: &str, tenant: &str) {
    let row = ProjectRow {
        id: id.into(),
        tenant: tenant.into(),
        name: id.into(),
        created_by: "alice".into(),
        created_at_ms: 1,
    };
    assert!(block_on(projects::insert(database, &row)).unwrap());
}

fn with_projects() -> Native {
    let database = database();
    project(&database, "p1", "default");
    project(&database, "p2", "default");
    project(&database, "q1", "other");
    database
}

fn asset(project_id: &str, id: &str, size: usize) -> AssetRow {
    AssetRow {
        project_id: project_id.into(),
        id: id.into(),
        media_type: "image/png".into(),
        size: size as i64,
        created_by: "alice".into(),
        created_at_ms: 100,
    }
}

fn upload(id: &str, length: usize) -> UploadRow {
    UploadRow {
        id: id.into(),
        kind: Kind::Resumable,
        project_id: "p1".into(),
        tenant: "default".into(),
        created_by: "alice".into(),
        length: Some(length as i64),
        received: 0,
        hash: None,
        metadata: "filename YQ==".into(),
        sha256: None,
        asset_id: None,
        created_at_ms: 10,
        expires_at_ms: HOUR_MS,
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7 + at % 251) as u8).collect()
}

fn found(database: &impl Database, id: &str) -> UploadRow {
    block_on(uploads::find(database, id)).unwrap().unwrap()
}

fn begin(database: &impl Database, id: &str, name: &str) -> Option<Writer> {
    block_on(Writer::begin(database, &found(database, id), name, 20)).unwrap()
}

fn flush(database: &impl Database, writer: &mut Writer, state: Option<u8>) -> bool {
    let state = state.map(|byte| vec![byte]);
    block_on(writer.flush(database, state, HOUR_MS)).unwrap()
}

fn stored(database: &impl Database, id: &str) -> Vec<u8> {
    let mut all = Vec::new();
    let mut part = 0;
    while let Some(chunk) = block_on(assets::chunk(database, id, part)).unwrap() {
        all.extend(chunk);
        part += 1;
    }
    all
}

fn finish(database: &impl Database, id: &str, writer: &str, to: &AssetRow) -> Finished {
    let bytes = Bytes::Chunks {
        upload_id: id,
        writer,
    };
    block_on(uploads::finish(database, to, bytes, 2 * HOUR_MS)).unwrap()
}

#[test]
fn as1_an_upload_goes_on_at_every_cut() {
    let database = with_projects();
    let whole = bytes(2 * CHUNK_BYTES + 1234);
    block_on(uploads::insert(&database, &upload("u1", whole.len()))).unwrap();
    // Around the edges of chunks, and several cuts within one.
    let cuts = [
        0,
        1,
        100,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        2 * CHUNK_BYTES + 3,
        whole.len(),
    ];
    for (number, two) in cuts.windows(2).enumerate() {
        let mut writer = begin(&database, "u1", &format!("w{number}")).unwrap();
        assert_eq!(writer.length(), two[0] as i64);
        for piece in whole[two[0]..two[1]].chunks(300_000) {
            writer.push(piece);
        }
        assert!(flush(&database, &mut writer, Some(number as u8)));
        assert_eq!(writer.pending(), 0);
        let row = found(&database, "u1");
        assert_eq!(
            (row.received, row.hash),
            (two[1] as i64, Some(vec![number as u8]))
        );
    }
    assert_eq!(
        block_on(assets::find(&database, "p1", "a")).unwrap(),
        None,
        "nothing is visible before the end"
    );
    let row = asset("p1", "a", whole.len());
    assert_eq!(finish(&database, "u1", "w6", &row), Finished::Created);
    assert_eq!(stored(&database, "a"), whole);
    assert_eq!(found(&database, "u1").asset_id.as_deref(), Some("a"));
    assert_nothing_open(&database);
}

#[test]
fn as1_of_two_writers_the_later_one_wins_and_the_earlier_adds_nothing() {
    let database = with_projects();
    block_on(uploads::insert(&database, &upload("u1", 10))).unwrap();
    let mut first = begin(&database, "u1", "first").unwrap();
    let mut second = begin(&database, "u1", "second").unwrap();
    first.push(b"abc");
    second.push(b"xyz");
    assert!(!flush(&database, &mut first, Some(1)));
    assert!(flush(&database, &mut second, Some(2)));
    assert_eq!(found(&database, "u1").received, 3);
    assert!(!flush(&database, &mut first, None));
    assert_eq!(
        finish(&database, "u1", "first", &asset("p1", "a", 10)),
        Finished::Overtaken
    );
    assert_nothing_open(&database);
    // Who believes the upload to be elsewhere does not begin.
    let stale = UploadRow {
        received: 0,
        ..found(&database, "u1")
    };
    assert!(
        block_on(Writer::begin(&database, &stale, "third", 20))
            .unwrap()
            .is_none()
    );
    let late = found(&database, "u1");
    assert!(
        block_on(Writer::begin(&database, &late, "late", HOUR_MS))
            .unwrap()
            .is_none()
    );
}

#[test]
fn as1_what_a_checksum_does_not_confirm_is_not_received() {
    let database = with_projects();
    block_on(uploads::insert(&database, &upload("u1", 2 * CHUNK_BYTES))).unwrap();
    let mut writer = begin(&database, "u1", "w1").unwrap();
    writer.push(b"good");
    assert!(flush(&database, &mut writer, Some(1)));
    let mut staged = begin(&database, "u1", "w2").unwrap();
    staged.push(&vec![b'!'; CHUNK_BYTES + 50]);
    assert!(flush(&database, &mut staged, None));
    assert_eq!(found(&database, "u1").received, 4);
    assert_eq!(
        (staged.pending(), staged.length()),
        (0, CHUNK_BYTES as i64 + 54)
    );
    // The checksum was wrong; the next one sends other bytes.
    let mut again = begin(&database, "u1", "w3").unwrap();
    assert_eq!(again.length(), 4);
    again.push(&vec![b'.'; CHUNK_BYTES]);
    assert!(flush(&database, &mut again, None));
    again.push(b"end");
    assert!(flush(&database, &mut again, Some(3)));
    let length = CHUNK_BYTES + 7;
    assert_eq!(found(&database, "u1").received, length as i64);
    assert_eq!(
        finish(&database, "u1", "w3", &asset("p1", "a", length)),
        Finished::Created
    );
    let all = stored(&database, "a");
    assert!(all.starts_with(b"good...") && all.ends_with(b"...end") && !all.contains(&b'!'));
    assert_eq!(all.len(), length);
}

#[test]
fn as1_the_same_bytes_again_are_the_same_asset() {
    let database = with_projects();
    let held = |project: &str| {
        let row = asset(project, "a", 3);
        block_on(uploads::finish(&database, &row, Bytes::Held(b"abc"), 0)).unwrap()
    };
    assert_eq!(held("p1"), Finished::Created);
    assert_eq!(held("p1"), Finished::Known);
    assert_eq!(held("p2"), Finished::Created);
    assert_eq!(held("gone"), Finished::NoProject);
    block_on(uploads::insert(&database, &upload("u1", 3))).unwrap();
    let mut writer = begin(&database, "u1", "w").unwrap();
    writer.push(b"abc");
    assert!(flush(&database, &mut writer, Some(1)));
    assert_eq!(
        finish(&database, "u1", "w", &asset("p1", "a", 3)),
        Finished::Known
    );
    // Its own chunks are superfluous, and go with it.
    assert_eq!(
        number(&database, "SELECT count(*) AS n FROM asset_chunks"),
        2
    );
    let expired = block_on(uploads::claim_expired(&database, 2 * HOUR_MS, 8)).unwrap();
    assert_eq!(expired.len(), 1);
    assert!(!block_on(uploads::remove_chunks(&database, &expired[0], 8)).unwrap());
    assert!(block_on(uploads::remove_chunks(&database, &expired[0], 8)).unwrap());
    assert_eq!(
        number(&database, "SELECT count(*) AS n FROM asset_chunks"),
        1
    );
}

#[test]
fn as1_expired_uploads_leave_nothing_and_finished_ones_their_bytes() {
    let database = with_projects();
    for id in ["u1", "u2"] {
        block_on(uploads::insert(&database, &upload(id, CHUNK_BYTES * 5))).unwrap();
        let mut writer = begin(&database, id, "w").unwrap();
        writer.push(&bytes(CHUNK_BYTES * 5));
        assert!(flush(&database, &mut writer, Some(1)));
    }
    let row = asset("p1", "a", CHUNK_BYTES * 5);
    assert_eq!(finish(&database, "u2", "w", &row), Finished::Created);
    assert_eq!(
        block_on(uploads::count_open(&database, "default", "alice")).unwrap(),
        1
    );
    assert!(
        block_on(uploads::claim_expired(&database, HOUR_MS - 1, 8))
            .unwrap()
            .is_empty()
    );
    for upload in block_on(uploads::claim_expired(&database, 9 * HOUR_MS, 8)).unwrap() {
        let mut rounds = 0;
        while !block_on(uploads::remove_chunks(&database, &upload, 2)).unwrap() {
            rounds += 1;
        }
        assert_eq!(rounds, if upload.id == "u1" { 3 } else { 0 });
        block_on(uploads::delete(&database, &upload.id)).unwrap();
    }
    assert_eq!(number(&database, "SELECT count(*) AS n FROM uploads"), 0);
    assert_eq!(stored(&database, "a"), bytes(CHUNK_BYTES * 5));
}

/// One step after the other until nothing is left to do; gives the number of steps.
fn sweep_all(database: &impl Database, before_ms: i64) -> usize {
    let mut steps = 0;
    for mut garbage in block_on(Garbage::old(database, before_ms, 64)).unwrap() {
        while block_on(assets::sweep(database, &mut garbage, 2)).unwrap() == Sweep::Removed {
            steps += 1;
            assert!(steps < 100, "it comes to an end");
        }
        block_on(garbage.forget(database)).unwrap();
    }
    steps
}

fn put(database: &impl Database, project: &str, id: &str, size: usize) {
    let row = asset(project, id, size);
    let bytes = bytes(size);
    block_on(uploads::finish(database, &row, Bytes::Held(&bytes), 0)).unwrap();
}

#[test]
fn as3_bytes_go_when_the_last_project_has_lost_them_and_some_time_has_passed() {
    let database = with_projects();
    let chunks = "SELECT count(*) AS n FROM asset_chunks";
    put(&database, "p1", "a", 5 * CHUNK_BYTES);
    put(&database, "p2", "a", 5 * CHUNK_BYTES);
    put(&database, "p1", "b", 10);
    assert!(block_on(assets::delete(&database, "p1", "a")).unwrap());
    assert!(!block_on(assets::delete(&database, "p1", "a")).unwrap());
    block_on(assets::see_garbage(&database, 1000, 64)).unwrap();
    sweep_all(&database, 1000);
    assert_eq!(number(&database, chunks), 6, "p2 still has it");
    assert!(block_on(projects::delete(&database, "p2")).unwrap());
    block_on(assets::see_garbage(&database, 2000, 64)).unwrap();
    assert_eq!(sweep_all(&database, 1999), 0, "not yet");
    assert_eq!(number(&database, chunks), 6);
    assert!(sweep_all(&database, 2000) >= 3, "a few rows at a time");
    assert_eq!(number(&database, chunks), 1, "b stays");
    assert_eq!(
        number(&database, "SELECT count(*) AS n FROM asset_garbage"),
        0
    );
}

#[test]
fn as3_bytes_that_come_back_while_they_are_removed_are_whole() {
    for large in [false, true] {
        let database = with_projects();
        let size = 5 * CHUNK_BYTES;
        let bring = |id: &str| {
            block_on(uploads::insert(&database, &upload(id, size))).unwrap();
            let mut writer = begin(&database, id, "w").unwrap();
            writer.push(&bytes(size));
            assert!(flush(&database, &mut writer, Some(1)));
            finish(&database, id, "w", &asset("p1", "a", size))
        };
        if large {
            assert_eq!(bring("u1"), Finished::Created);
        } else {
            put(&database, "p1", "a", size);
        }
        block_on(assets::delete(&database, "p1", "a")).unwrap();
        block_on(assets::see_garbage(&database, 1, 64)).unwrap();
        let mut garbage = block_on(Garbage::old(&database, 1, 1)).unwrap().remove(0);
        assert_eq!(
            block_on(assets::sweep(&database, &mut garbage, 2)).unwrap(),
            Sweep::Removed
        );
        assert_eq!(bring("u2"), Finished::Created);
        assert_eq!(stored(&database, "a"), bytes(size), "large: {large}");
        sweep_all(&database, 1);
        assert_eq!(stored(&database, "a"), bytes(size), "large: {large}");
        assert_eq!(
            number(&database, "SELECT count(*) AS n FROM asset_chunks"),
            5
        );
    }
}

#[test]
fn as4_an_asset_brings_its_work_and_is_claimed_once() {
    let database = with_projects();
    put(&database, "p1", "a", 3);
    put(&database, "p2", "a", 3);
    put(&database, "q1", "a", 3);
    let clip = AssetRow {
        media_type: "video/mp4".into(),
        ..asset("p1", "clip", 1)
    };
    block_on(uploads::finish(&database, &clip, Bytes::Held(b"x"), 0)).unwrap();
    let due = DueAt::new(100, 1_000);
    let work = block_on(assets::work(&database, due, 0)).unwrap();
    assert!(work.thumbnails && work.moves && !work.garbage && !work.uploads);
    let claim = |kind, now_ms| {
        let due = DueAt::new(now_ms, 1_000);
        block_on(assets::claim_jobs(&database, kind, due, now_ms + 500, 64)).unwrap()
    };
    let mut thumbnails = claim(JobKind::Thumbnails, 100);
    thumbnails.sort_by(|one, other| one.job.tenant.cmp(&other.job.tenant));
    let names: Vec<_> = thumbnails
        .iter()
        .map(|row| row.job.tenant.as_str())
        .collect();
    assert_eq!(names, ["default", "other"], "once a tenant");
    assert!(claim(JobKind::Thumbnails, 599).is_empty());
    assert_eq!(claim(JobKind::Thumbnails, 600)[0].tries, 2);
    assert_eq!(claim(JobKind::Move, 100).len(), 3);
    for row in &thumbnails {
        block_on(assets::delete_job(&database, &row.job)).unwrap();
    }
    assert!(claim(JobKind::Thumbnails, 5_000).is_empty());
    let job = Job {
        kind: JobKind::Move,
        tenant: "default".into(),
        asset_id: "clip".into(),
    };
    assert!(
        block_on(assets::claim_job(&database, &job, 500, 900))
            .unwrap()
            .is_none()
    );
    assert!(
        block_on(assets::claim_job(&database, &job, 600, 900))
            .unwrap()
            .is_some()
    );
}

#[test]
fn as4_thumbnails_are_kept_by_size_or_with_the_reason_why_there_are_none() {
    let database = with_projects();
    let row = |side: i64| assets::ThumbnailRow {
        side,
        media_type: "image/jpeg".into(),
        width: side,
        height: side / 2,
        bytes: vec![side as u8],
    };
    let look = |id: &str, side| block_on(assets::thumbnail(&database, id, side)).unwrap();
    assert_eq!(look("a", 256), Thumbnail::Unknown);
    let rows = vec![row(512), row(256), row(128)];
    block_on(assets::put_thumbnails(&database, "a", Ok(rows))).unwrap();
    block_on(assets::put_thumbnails(&database, "b", Err("a bomb".into()))).unwrap();
    assert_eq!(look("a", 256), Thumbnail::Made(row(256)));
    assert_eq!(look("a", 200), Thumbnail::Made(row(256)));
    assert_eq!(look("a", 1), Thumbnail::Made(row(128)));
    let reason = "a bomb".to_owned();
    assert_eq!(look("b", 128), Thumbnail::None { reason });
    assert!(block_on(assets::has_thumbnails(&database, "b")).unwrap());
    assert_nothing_open(&database);
}

#[test]
fn as3_chunks_go_when_the_object_storage_has_the_bytes() {
    let database = with_projects();
    put(&database, "p1", "a", 3);
    let mut object = ObjectRow {
        tenant: "default".into(),
        asset_id: "a".into(),
        state: ObjectState::Moving,
        upload_id: Some("m1".into()),
        etags: vec!["\"1\"".into()],
    };
    assert!(block_on(assets::put_object(&database, &object)).unwrap());
    let sweep_now = || {
        block_on(assets::put_garbage(&database, "default", "a", 0)).unwrap();
        sweep_all(&database, 0)
    };
    assert_eq!(sweep_now(), 0, "it is not there yet");
    object.state = ObjectState::Stored;
    assert!(block_on(assets::put_object(&database, &object)).unwrap());
    assert!(
        !block_on(assets::put_object(&database, &object)).unwrap(),
        "it stays"
    );
    put(&database, "q1", "a", 3);
    assert_eq!(sweep_now(), 0, "another tenant has no object");
    block_on(assets::delete(&database, "q1", "a")).unwrap();
    assert_eq!(sweep_now(), 1);
    // Whoever uploads it again does not bring the bytes back into the database.
    put(&database, "p2", "a", 3);
    assert_eq!(
        number(&database, "SELECT count(*) AS n FROM asset_chunks"),
        0
    );
    let leave = || block_on(assets::leave_object(&database, "default", "a")).unwrap();
    assert_eq!(leave(), None, "two projects need it");
    for project in ["p1", "p2"] {
        block_on(assets::delete(&database, project, "a")).unwrap();
    }
    let leaving = leave().unwrap();
    assert_eq!(leaving.state, ObjectState::Leaving);
    block_on(assets::delete_object(&database, "default", "a")).unwrap();
    assert_eq!(
        block_on(assets::object(&database, "default", "a")).unwrap(),
        None
    );
}

#[test]
fn as2_listing_goes_on_behind_a_cursor() {
    let database = with_projects();
    for number in 0..7 {
        let row = AssetRow {
            created_at_ms: 100 + i64::from(number / 3),
            ..asset("p1", &format!("a{number}"), 1)
        };
        block_on(uploads::finish(&database, &row, Bytes::Held(b"x"), 0)).unwrap();
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = block_on(assets::list(&database, "p1", after.as_ref(), 2)).unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.created_at_ms, last.id.clone()));
        seen.extend(page.into_iter().map(|row| row.id));
    }
    assert_eq!(seen, ["a6", "a5", "a4", "a3", "a2", "a1", "a0"]);
}

#[test]
fn as1_a_kill_between_two_writes_leaves_what_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    {
        let database = open(&path);
        block_on(migrate::migrate(&database, 1)).unwrap();
        project(&database, "p1", "default");
        block_on(uploads::insert(&database, &upload("u1", 100))).unwrap();
        let mut writer = begin(&database, "u1", "w").unwrap();
        writer.push(b"told");
        assert!(flush(&database, &mut writer, Some(1)));
        writer.push(b"not told");
        sql(&database, "BEGIN IMMEDIATE", &[]);
        sql(&database, "DELETE FROM asset_chunks", &[]);
    }
    let database = open(&path);
    let writer = begin(&database, "u1", "w2").unwrap();
    assert_eq!(writer.length(), 4);
}
