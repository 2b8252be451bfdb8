//! What an instance keeps between requests: warm documents and idle connections. All of it is a
//! cache that may be gone at any time.

use std::cell::RefCell;
use std::rc::Rc;

use guest::Db;
use problem::Problem;
use rooms::Warm;

use crate::rooms_failed;

/// Idle connections that are kept: turns have one lane, wakes and pokes come beside them.
const CONNECTIONS: usize = 4;

thread_local! {
    static WARM: Rc<Warm> = Rc::new(Warm::default());
    static IDLE: RefCell<Vec<Db>> = const { RefCell::new(Vec::new()) };
}

/// The warm documents of this instance.
pub fn warm() -> Rc<Warm> {
    WARM.with(Rc::clone)
}

/// A connection of this instance. Dropped without [`Lent::give_back`], it is closed, which rolls
/// back what it had open.
pub struct Lent {
    database: Db,
}

impl Lent {
    pub async fn take() -> Result<Self, Problem> {
        let idle = IDLE.with_borrow_mut(Vec::pop);
        let database = match idle {
            Some(database) => database,
            None => Db::open()
                .await
                .map_err(|error| rooms_failed(error.into()))?,
        };
        Ok(Self { database })
    }

    /// For the next request; only when no transaction is open.
    pub fn give_back(self) {
        IDLE.with_borrow_mut(|idle| {
            if idle.len() < CONNECTIONS {
                idle.push(self.database);
            }
        });
    }
}

impl std::ops::Deref for Lent {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.database
    }
}
