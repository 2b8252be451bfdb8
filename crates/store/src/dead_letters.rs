//! Tasks that have failed for good, for whoever operates the platform.

use crate::tasks::{Only, TaskRow, page, read_all};
use crate::{Cursor, Database, StoreError, sql};

/// Those of `only.tenant`, the latest failures first; the cursor is (ended_at_ms, id).
pub async fn list(
    database: &impl Database,
    only: Only<'_>,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<TaskRow>, StoreError> {
    let only = Only {
        state: Some("FAILED"),
        ..only
    };
    let mut parameters = only.parameters();
    parameters.extend(page(after, limit));
    let statement = match only.class {
        Some(_) => sql!("dead_letters/list_of_class"),
        None => sql!("dead_letters/list"),
    };
    read_all(database, statement, &parameters).await
}
