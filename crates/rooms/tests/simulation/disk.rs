//! A database file, and lines to it on which every statement is a step of the simulation: between
//! any two of them others run, the process dies, or the statement fails.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use futures::executor::block_on;
use store::faulty::Fault;
use store::native::Native;
use store::{Database, Rows, StoreError, Value};
use tempfile::TempDir;

/// How often a line looks for the write lock before it answers "locked": more steps than any
/// transaction has, fewer than a dead process would be waited for.
const LOCK_LOOKS: usize = 400;

/// Where files are memory, a seed takes milliseconds.
const MEMORY_FOLDER: &str = "/dev/shm";

/// Idle lines that are kept: as many as there are activities at once, usually.
const IDLE_LINES: usize = 4;

/// The file, and the connections to it.
pub struct Disk {
    path: PathBuf,
    lock: Rc<Cell<Option<u64>>>,
    lines: Cell<u64>,
    /// Lines that nobody uses now, all without a transaction.
    idle: RefCell<Vec<Line>>,
    _folder: TempDir,
}

/// A migrated database that every simulation begins with.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = folder();
        let path = folder.path().join("template.db");
        let database = Native::open(&path).unwrap();
        block_on(database.query("PRAGMA journal_mode = WAL", &[])).unwrap();
        block_on(store::migrate::migrate(&database, 1)).unwrap();
        // What was in the write-ahead log goes into the file with the last connection.
        drop(database);
        std::fs::read(&path).unwrap()
    })
}

fn folder() -> TempDir {
    tempfile::tempdir_in(MEMORY_FOLDER)
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

impl Disk {
    pub fn new() -> Self {
        let folder = folder();
        let path = folder.path().join("clash.db");
        std::fs::write(&path, template()).unwrap();
        Self {
            path,
            lock: Rc::default(),
            lines: Cell::new(0),
            idle: RefCell::default(),
            _folder: folder,
        }
    }

    /// A connection; with `fault`, one whose statement of that number fails.
    pub fn line(&self, fault: Option<(u64, Fault)>) -> Line {
        let idle = self.idle.borrow_mut().pop();
        let mut line = idle.unwrap_or_else(|| self.open());
        line.fault = fault;
        line.passed.set(0);
        line
    }

    fn open(&self) -> Line {
        let native = Native::open(&self.path).unwrap();
        self.lines.set(self.lines.get() + 1);
        Line {
            native: match env!("CARGO_CRATE_NAME") {
                "on_libsql" => native.like_libsql(),
                _ => native,
            },
            lock: self.lock.clone(),
            id: self.lines.get(),
            fault: None,
            passed: Cell::new(0),
            is_cut: Cell::new(false),
        }
    }

    /// Whether somebody is between BEGIN and COMMIT.
    pub fn is_locked(&self) -> bool {
        self.lock.get().is_some()
    }

    /// Runs a statement of the test itself, between the steps.
    pub fn sql(&self, statement: &str, parameters: &[Value]) -> Rows {
        let line = self.line(None);
        let rows = block_on(line.native.query(statement, parameters)).unwrap();
        self.give_back(line);
        rows
    }

    /// For the next user. Whoever ends leaves no transaction open.
    pub fn give_back(&self, line: Line) {
        if line.is_cut.get() {
            return;
        }
        assert!(!line.holds_lock(), "a transaction was left open");
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_LINES {
            idle.push(line);
        }
    }
}

/// One connection of a process.
pub struct Line {
    native: Native,
    /// Who is between BEGIN and COMMIT.
    lock: Rc<Cell<Option<u64>>>,
    id: u64,
    fault: Option<(u64, Fault)>,
    passed: Cell<u64>,
    is_cut: Cell<bool>,
}

impl Line {
    fn holds_lock(&self) -> bool {
        self.lock.get() == Some(self.id)
    }

    async fn run(&self, statement: &str, parameters: &[Value]) -> Result<Rows, StoreError> {
        let is_end = matches!(statement, "COMMIT" | "ROLLBACK");
        if !is_end && !is_read(statement) {
            for look in 0.. {
                if self.lock.get().is_none() || self.holds_lock() {
                    break;
                }
                if look == LOCK_LOOKS {
                    return Err(StoreError::Locked("by another line".into()));
                }
                Step::default().await;
            }
        }
        let rows = self.native.query(statement, parameters).await?;
        match statement {
            "BEGIN IMMEDIATE" => self.lock.set(Some(self.id)),
            "COMMIT" | "ROLLBACK" => self.lock.set(None),
            _ => {}
        }
        Ok(rows)
    }
}

impl Drop for Line {
    /// The connection goes, and SQLite rolls back.
    fn drop(&mut self) {
        if self.holds_lock() {
            self.lock.set(None);
        }
    }
}

impl Database for Line {
    async fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows, StoreError> {
        Step::default().await;
        let failure = || StoreError::Database("a fault of the simulation".into());
        if self.is_cut.get() {
            return Err(failure());
        }
        let at = self.passed.replace(self.passed.get() + 1);
        match self.fault {
            Some((number, fault)) if number == at => {
                match fault {
                    Fault::Refused => {}
                    Fault::Unheard => drop(self.run(statement, parameters).await?),
                    Fault::Cut => self.is_cut.set(true),
                }
                Err(failure())
            }
            Some(_) | None => self.run(statement, parameters).await,
        }
    }
}

/// Statements in files begin with comments.
fn is_read(statement: &str) -> bool {
    let mut lines = statement.lines().map(str::trim_start);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with("--"));
    first.is_some_and(|line| line.starts_with("SELECT"))
}

/// Gives way once: the simulation decides who goes on.
#[derive(Default)]
pub struct Step {
    is_over: bool,
}

impl Future for Step {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.is_over, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
