//! A store in memory, an environment of counters, and clients that are plain Loro documents.
//!
//! The same files run twice: as they are over SQLite, and in `on_libsql.rs` over the stand-in with
//! libSQL's limits.
#![allow(dead_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use futures::executor::block_on;
use loro::{ExportMode, LoroDoc, LoroValue, VersionVector};
use protocol::frame::Permission;
use protocol::turn::{Channel, Input, Output, RoomAnswer, RoomTurn, TurnRequest};
use protocol::{BatchId, ConnectionId};
use rooms::{Environment, Grant, Session, Warm};
use store::native::Native;
use store::{Database, StoreError, Value};

pub const ROOM: &str = "p1";
pub const EPOCH: i64 = 500;
const NOW_MS: i64 = 1_000_000;

pub struct Clock {
    pub now_ms: Cell<i64>,
    /// As whom somebody counts when the rights are looked at again: alice as viewer, or nobody.
    pub now_as: RefCell<HashMap<Vec<u8>, Vec<u8>>>,
    ids: Cell<u64>,
}

impl Environment for Clock {
    fn now_ms(&self) -> i64 {
        self.now_ms.get()
    }
    fn new_task_id(&self) -> String {
        self.ids.set(self.ids.get() + 1);
        format!("t_{}", self.ids.get())
    }
    /// Tokens are names: `alice` writes, `viewer` reads, everybody else is unknown.
    async fn grant(
        &self,
        _: &impl Database,
        auth: &[u8],
        _project: &str,
        tenant: &str,
    ) -> Result<Option<Grant>, StoreError> {
        let permission = match auth {
            b"alice" | b"bob" if tenant == "default" => Permission::Write,
            b"viewer" => Permission::Read,
            _ => return Ok(None),
        };
        let sub = String::from_utf8_lossy(auth).into_owned();
        Ok(Some(Grant {
            sub,
            permission,
            expires_at_ms: NOW_MS + 60_000,
            credentials: auth.to_vec(),
        }))
    }
    async fn renew(
        &self,
        database: &impl Database,
        credentials: &[u8],
        project: &str,
        tenant: &str,
    ) -> Result<Option<Grant>, StoreError> {
        let now = self.now_as.borrow().get(credentials).cloned();
        let credentials = now.unwrap_or_else(|| credentials.to_vec());
        self.grant(database, &credentials, project, tenant).await
    }
    async fn pause(&self) {}
}

pub struct World {
    pub database: Native,
    pub warm: Warm,
    pub clock: Clock,
}

impl World {
    pub fn new() -> Self {
        let native = Native::in_memory().unwrap();
        Self::on(match env!("CARGO_CRATE_NAME") {
            "on_libsql" => native.like_libsql(),
            _ => native,
        })
    }

    pub fn on(database: Native) -> Self {
        block_on(store::migrate::migrate(&database, 1)).unwrap();
        let world = Self {
            database,
            warm: Warm::default(),
            clock: Clock {
                now_ms: Cell::new(NOW_MS),
                now_as: RefCell::default(),
                ids: Cell::new(0),
            },
        };
        world.project(ROOM);
        world
    }

    pub fn project(&self, id: &str) {
        self.sql(
            "INSERT INTO projects (id, tenant, name, created_by, created_at_ms)
             VALUES (?1, 'default', ?1, 'alice', ?2) ON CONFLICT DO NOTHING",
            &[id.into(), EPOCH.into()],
        );
    }

    pub fn sql(&self, statement: &str, parameters: &[Value]) -> store::Rows {
        block_on(self.database.query(statement, parameters)).unwrap()
    }

    pub fn number(&self, statement: &str) -> i64 {
        self.sql(statement, &[])
            .first()
            .unwrap()
            .integer("n")
            .unwrap()
    }

    pub fn turn_of(&self, rooms: Vec<RoomTurn>) -> Result<Vec<RoomAnswer>, rooms::RoomsError> {
        // Through the codec, as in production.
        let request = TurnRequest::decode(&TurnRequest { rooms }.encode()).unwrap();
        let answer = block_on(rooms::turn(
            &self.database,
            &self.warm,
            &self.clock,
            request,
        ))?;
        Ok(protocol::turn::TurnResponse::decode(&answer.encode())
            .unwrap()
            .rooms)
    }

    pub fn turn(&self, seen: u64, inputs: Vec<Input>) -> RoomAnswer {
        let room = RoomTurn {
            room: ROOM.into(),
            seen,
            inputs,
        };
        self.turn_of(vec![room]).unwrap().pop().unwrap()
    }

    pub fn process(&self) -> rooms::Processed {
        let processed = rooms::process(
            &self.database,
            &self.warm,
            &self.clock,
            ROOM,
            rooms::Note::Changes,
        );
        block_on(processed).unwrap().unwrap()
    }

    pub fn effect(&self, effect: serde_json::Value) -> rooms::Applied {
        let effect: canvas::Effect = serde_json::from_value(effect).unwrap();
        let applied = rooms::apply_effect(&self.database, &self.warm, &self.clock, ROOM, &effect);
        block_on(applied).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        let json = rooms::document_json(&self.database, &self.warm, &self.clock, ROOM);
        block_on(json).unwrap().unwrap()
    }

    /// What a fresh process would read.
    pub fn cold(&mut self) {
        self.warm = Warm::default();
    }
}

pub fn join(connection: u64, auth: &str, document: &LoroDoc) -> Input {
    join_at(connection, auth, document.oplog_vv().encode())
}

pub fn join_at(connection: u64, auth: &str, version: Vec<u8>) -> Input {
    Input::Join {
        connection: ConnectionId(connection),
        channel: Channel::Document,
        auth: auth.into(),
        version,
    }
}

pub fn session(sub: &str, permission: Permission) -> Vec<u8> {
    let grant = Grant {
        sub: sub.into(),
        permission,
        expires_at_ms: NOW_MS + 60_000,
        credentials: sub.as_bytes().to_vec(),
    };
    Session {
        grant,
        epoch: EPOCH,
        access: 0,
    }
    .encode()
}

pub fn update(connection: u64, batch: u64, updates: Vec<Vec<u8>>) -> Input {
    Input::Update {
        connection: ConnectionId(connection),
        batch: BatchId::from_u64(batch),
        session: session("alice", Permission::Write),
        updates,
    }
}

pub fn ack(connection: u64, batch: u64, status: u8) -> Output {
    let batch = BatchId::from_u64(batch);
    Output::Ack {
        connection: ConnectionId(connection),
        batch,
        status,
    }
}

pub fn broadcast(except: u64, updates: Vec<Vec<u8>>) -> Output {
    Output::Broadcast {
        except: Some(ConnectionId(except)),
        updates,
    }
}

/// Sets fields of a node as the web app does, and returns the update.
pub fn edit(document: &LoroDoc, node: &str, fields: &[(&str, LoroValue)]) -> Vec<u8> {
    let before = document.oplog_vv();
    let map = document
        .get_map("nodes")
        .ensure_mergeable_map(node)
        .unwrap();
    for (key, value) in fields {
        map.insert(key, value.clone()).unwrap();
    }
    document.commit();
    since(document, &before)
}

pub fn edge(document: &LoroDoc, id: &str, source: &str, target: &str) -> Vec<u8> {
    let before = document.oplog_vv();
    let map = document.get_map("edges").ensure_mergeable_map(id).unwrap();
    map.insert("source", source).unwrap();
    map.insert("target", target).unwrap();
    document.commit();
    since(document, &before)
}

pub fn since(document: &LoroDoc, version: &VersionVector) -> Vec<u8> {
    document.export(ExportMode::updates(version)).unwrap()
}

/// A client that takes everything of an answer.
pub fn receive(document: &LoroDoc, answer: &RoomAnswer) {
    for output in &answer.outputs {
        let updates = match output {
            Output::Joined { backfill, .. } => backfill,
            Output::Broadcast { updates, .. } => updates,
            _ => continue,
        };
        for update in updates {
            document.import(update).unwrap();
        }
    }
}

pub fn json(document: &LoroDoc) -> serde_json::Value {
    canvas::json::to_json(document)
}
