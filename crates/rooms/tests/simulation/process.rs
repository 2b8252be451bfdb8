//! An application process: warm rooms, and work that goes on a statement at a time.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;

use protocol::frame::Permission;
use protocol::turn::{TurnRequest, TurnResponse};
use rooms::{Environment, Grant, Note, RoomsError, Warm};
use serde_json::json;
use store::faulty::Fault;
use store::{Database, StoreError};

use super::disk::{Disk, Line, Step};

/// How long a token opens a room: shorter than the clock jumps at times, so that sessions expire.
const TOKEN_MS: i64 = 300_000;

/// The clock and the ids of all processes.
pub struct Clock {
    pub now_ms: Cell<i64>,
    ids: Cell<u64>,
    /// What everybody's token opens.
    pub rights: RefCell<HashMap<Vec<u8>, Permission>>,
}

impl Clock {
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            now_ms: Cell::new(1_000_000),
            ids: Cell::new(0),
            rights: RefCell::default(),
        })
    }
    pub fn advance(&self, by_ms: i64) {
        self.now_ms.set(self.now_ms.get() + by_ms);
    }
}

impl Environment for Clock {
    fn now_ms(&self) -> i64 {
        self.now_ms.get()
    }
    fn new_task_id(&self) -> String {
        self.ids.set(self.ids.get() + 1);
        format!("t_{}", self.ids.get())
    }
    async fn grant(
        &self,
        _: &impl Database,
        auth: &[u8],
        _project: &str,
        tenant: &str,
    ) -> Result<Option<Grant>, StoreError> {
        assert_eq!(tenant, "default");
        let permission = self.rights.borrow().get(auth).copied();
        Ok(permission.map(|permission| Grant {
            sub: String::from_utf8_lossy(auth).into_owned(),
            permission,
            expires_at_ms: self.now_ms.get() + TOKEN_MS,
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
        self.grant(database, credentials, project, tenant).await
    }
    async fn pause(&self) {
        Step::default().await;
    }
}

/// What an activity came to.
pub enum Outcome {
    Turn(Result<TurnResponse, RoomsError>),
    /// Whether it succeeded matters to nobody but the log.
    Other(Result<(), RoomsError>),
}

pub type Activity = Pin<Box<dyn Future<Output = Outcome>>>;

/// What an activity needs: it goes with its process.
#[derive(Clone)]
pub struct Process {
    pub warm: Rc<Warm>,
    pub clock: Rc<Clock>,
    pub disk: Rc<Disk>,
}

impl Process {
    pub fn new(disk: &Rc<Disk>, clock: &Rc<Clock>, budget_bytes: usize) -> Self {
        Self {
            warm: Rc::new(Warm::new(budget_bytes)),
            clock: clock.clone(),
            disk: disk.clone(),
        }
    }

    /// Through the codec both ways, as in production.
    pub fn turn(&self, request: &TurnRequest, fault: Option<(u64, Fault)>) -> Activity {
        let (process, line) = (self.clone(), self.disk.line(fault));
        let request = TurnRequest::decode(&request.encode()).unwrap();
        Box::pin(async move {
            let answer = rooms::turn(&line, &process.warm, &*process.clock, request).await;
            process.disk.give_back(line);
            Outcome::Turn(answer.map(|response| TurnResponse::decode(&response.encode()).unwrap()))
        })
    }

    fn other<F, W>(&self, fault: Option<(u64, Fault)>, work: W) -> Activity
    where
        W: FnOnce(Self, Rc<Line>) -> F,
        F: Future<Output = Result<(), RoomsError>> + 'static,
    {
        let (process, line) = (self.clone(), Rc::new(self.disk.line(fault)));
        let running = work(process.clone(), line.clone());
        Box::pin(async move {
            let outcome = running.await;
            if let Some(line) = Rc::into_inner(line) {
                process.disk.give_back(line);
            }
            Outcome::Other(outcome)
        })
    }

    pub fn process(&self, room: &str, note: Note, fault: Option<(u64, Fault)>) -> Activity {
        let room = room.to_owned();
        self.other(fault, |of, line| async move {
            let done = rooms::process(&*line, &of.warm, &*of.clock, &room, note).await;
            done.map(drop)
        })
    }

    pub fn compact(&self, room: &str, fault: Option<(u64, Fault)>) -> Activity {
        let room = room.to_owned();
        self.other(fault, |of, line| async move {
            let done = rooms::compact(&*line, &of.warm, &*of.clock, &room).await;
            done.map(drop)
        })
    }

    pub fn tick(&self, fault: Option<(u64, Fault)>) -> Activity {
        self.other(fault, |of, line| async move {
            let ticked = rooms::tick(&*line, &of.warm, &*of.clock).await?;
            ticked
                .failed
                .into_iter()
                .next()
                .map_or(Ok(()), |(_, error)| Err(error))
        })
    }

    /// Reads the document, as HTTP does.
    pub fn read(&self, room: &str, fault: Option<(u64, Fault)>) -> Activity {
        let room = room.to_owned();
        self.other(fault, |of, line| async move {
            let json = rooms::document_json(&*line, &of.warm, &*of.clock, &room).await;
            json.map(drop)
        })
    }

    /// Ends a task of the node processor.
    pub fn effect(&self, room: &str, task: EndedTask, fault: Option<(u64, Fault)>) -> Activity {
        let room = room.to_owned();
        let effect = json!({
            "effect": "update-node", "task_id": task.id, "node": task.node, "kind": task.kind,
            "state": "FINISHED", "src": format!("/assets/{}", task.id),
        });
        let effect: canvas::Effect = serde_json::from_value(effect).unwrap();
        self.other(fault, |of, line| async move {
            let done = rooms::apply_effect(&*line, &of.warm, &*of.clock, &room, &effect).await;
            done.map(drop)
        })
    }
}

/// A task whose result is there.
pub struct EndedTask {
    pub id: String,
    pub node: String,
    pub kind: String,
}
