//! When the application was last ticked.

use crate::{Database, StoreError, read_one, sql};

pub async fn record(database: &impl Database, now_ms: i64) -> Result<(), StoreError> {
    database
        .query(sql!("ticks/record"), &[now_ms.into()])
        .await
        .map(drop)
}

pub async fn last_at_ms(database: &impl Database) -> Result<Option<i64>, StoreError> {
    let row = read_one(database, sql!("ticks/last"), &[]).await?;
    row.map(|row| row.integer("last_tick_at_ms")).transpose()
}
