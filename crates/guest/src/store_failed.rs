//! What a caller may know of a fault of the store.

use problem::{Problem, Slug};
use store::StoreError;

use crate::log_error;

/// The cause goes to the log once; the caller hears whether waiting helps.
pub fn store_failed(error: StoreError) -> Problem {
    log_error("store", &error);
    match error {
        StoreError::Newer { .. } => Problem::new(Slug::Unavailable, error.to_string()),
        StoreError::Full(_) => Problem::new(
            Slug::StorageFull,
            "the disk of the database is full: nothing was written; free some space and try again",
        ),
        StoreError::Locked(_) => Problem::new(
            Slug::Unavailable,
            "the database is locked by another process: nothing was written; try again",
        ),
        StoreError::Database(_) | StoreError::Shape(_) => Problem::new(
            Slug::Unavailable,
            "the database could not do this; try again",
        ),
    }
}
