//! What rooms need from outside.

use store::{Database, StoreError};

use crate::access::Grant;

pub trait Environment {
    fn now_ms(&self) -> i64;
    /// A fresh id of a task.
    fn new_task_id(&self) -> String;
    /// What the token of a join allows in a project; `None` when it does not open it, be it
    /// invalid, expired or of another tenant.
    /// The database tells the memberships.
    fn grant(
        &self,
        database: &impl Database,
        auth: &[u8],
        project: &str,
        tenant: &str,
    ) -> impl Future<Output = Result<Option<Grant>, StoreError>>;
    /// What the holder of a grant, by its credentials, is allowed now; `None` for nothing any more.
    fn renew(
        &self,
        database: &impl Database,
        credentials: &[u8],
        project: &str,
        tenant: &str,
    ) -> impl Future<Output = Result<Option<Grant>, StoreError>>;
    /// Waits about a millisecond.
    fn pause(&self) -> impl Future<Output = ()>;
}
