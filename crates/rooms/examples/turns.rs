//! How many durable acks a second one process commits, natively: turns of 20 updates against
//! SQLite in a file, with the node processor running every 30 turns. Prints one line of JSON.
//! Times are processor time (Linux), the wall's is beside them.

use std::cell::Cell;
use std::time::Duration;

use futures::executor::block_on;
use loro::{ExportMode, LoroDoc};
use protocol::frame::Permission;
use protocol::turn::{Input, RoomTurn, TurnRequest};
use protocol::{BatchId, ConnectionId};
use rooms::{Environment, Grant, Session, Warm};
use store::native::Native;
use store::{Database, StoreError};

const WRITERS: usize = 20;
const TURNS: usize = 500;

struct Clock(Cell<u64>);

impl Environment for Clock {
    fn now_ms(&self) -> i64 {
        1
    }
    fn new_task_id(&self) -> String {
        self.0.set(self.0.get() + 1);
        format!("t_{}", self.0.get())
    }
    async fn grant(
        &self,
        _: &impl Database,
        _: &[u8],
        _: &str,
        _: &str,
    ) -> Result<Option<Grant>, StoreError> {
        Ok(None)
    }
    async fn renew(
        &self,
        _: &impl Database,
        _: &[u8],
        _: &str,
        _: &str,
    ) -> Result<Option<Grant>, StoreError> {
        Ok(None)
    }
    async fn pause(&self) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let database = Native::open(&directory.path().join("bench.db"))?;
    block_on(store::migrate::migrate(&database, 1))?;
    block_on(database.query(
        "INSERT INTO projects (id, tenant, name, created_by, created_at_ms)
         VALUES ('p1', 'default', 'p1', 'alice', 1)",
        &[],
    ))?;
    let writers: Vec<LoroDoc> = (0..WRITERS).map(|_| LoroDoc::new()).collect();
    let grant = Grant {
        sub: "alice".into(),
        permission: Permission::Write,
        expires_at_ms: i64::MAX,
        credentials: b"alice".to_vec(),
    };
    let session = Session {
        grant,
        epoch: 1,
        access: 0,
    }
    .encode();
    let (warm, clock) = (Warm::default(), Clock(Cell::new(0)));
    let (mut seen, mut took, mut processing) = (1, Vec::new(), Vec::new());
    let mut all = Vec::new();
    let began = std::time::Instant::now();
    for turn in 0..TURNS {
        let inputs: Vec<Input> = writers
            .iter()
            .enumerate()
            .map(|(at, writer)| Input::Update {
                connection: ConnectionId(at as u64),
                batch: BatchId::from_u64(turn as u64),
                session: session.clone(),
                updates: vec![edit(writer, (at * 7 + turn) % 200, turn)],
            })
            .collect();
        let room = RoomTurn {
            room: "p1".into(),
            seen,
            inputs,
        };
        let body = TurnRequest { rooms: vec![room] }.encode();
        let started = cpu();
        let answer = block_on(rooms::turn(
            &database,
            &warm,
            &clock,
            TurnRequest::decode(&body)?,
        ))?;
        let bytes = answer.encode();
        took.push(cpu() - started);
        assert!(!bytes.is_empty());
        seen = answer.rooms[0].head;
        all.push(answer);
        if turn % 30 == 29 {
            let started = cpu();
            block_on(rooms::process(
                &database,
                &warm,
                &clock,
                "p1",
                rooms::Note::Changes,
            ))?;
            processing.push(cpu() - started);
        }
    }
    let wall = began.elapsed();
    let busy: f64 = took.iter().map(Duration::as_secs_f64).sum();
    took.sort();
    processing.sort();
    let started = cpu();
    let cold = Warm::default();
    block_on(rooms::document_json(&database, &cold, &clock, "p1"))?;
    let load = cpu() - started;
    println!(
        "{{\"acks_per_s\":{:.0},\"acks_per_wall_s\":{:.0},\"turn_p50_ms\":{:.2},\"turn_p99_ms\":{:.2},\"process_p50_ms\":{:.2},\"cold_load_{}_entries_ms\":{:.1}}}",
        (WRITERS * TURNS) as f64 / busy,
        (WRITERS * TURNS) as f64 / wall.as_secs_f64(),
        took[TURNS / 2].as_secs_f64() * 1e3,
        took[TURNS * 99 / 100].as_secs_f64() * 1e3,
        processing[processing.len() / 2].as_secs_f64() * 1e3,
        WRITERS * TURNS,
        load.as_secs_f64() * 1e3,
    );
    Ok(())
}

fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split(' ')
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0);
    Duration::from_nanos(nanoseconds)
}

fn edit(writer: &LoroDoc, node: usize, turn: usize) -> Vec<u8> {
    let before = writer.oplog_vv();
    let nodes = writer.get_map("nodes");
    if let Ok(map) = nodes.ensure_mergeable_map(&format!("n{node}")) {
        let _ = map.insert("type", "note");
        let _ = map.insert("x", turn as f64);
    }
    writer.commit();
    writer
        .export(ExportMode::updates(&before))
        .unwrap_or_default()
}
