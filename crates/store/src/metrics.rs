//! Counters that all instances share, and what can be counted at any time (GW12).

use crate::{Database, StoreError, Value, sql};

/// More series than the code has are a fault; a scrape stays bounded.
const SERIES: i64 = 10_000;

const HOUR_MS: i64 = 3_600_000;

/// A series in the text format of Prometheus, `name{label="value"}`, and its value.
pub type Sample = (String, f64);

/// Adds to counters.
pub async fn add(database: &impl Database, samples: &[Sample]) -> Result<(), StoreError> {
    let samples = serde_json::json!(samples).to_string();
    let parameters = [samples.into()];
    database
        .query(sql!("metrics/add"), &parameters)
        .await
        .map(drop)
}

/// All counters.
pub async fn counters(database: &impl Database) -> Result<Vec<Sample>, StoreError> {
    read(database, sql!("metrics/counters"), &[SERIES.into()]).await
}

/// How many there are of what, at this moment; of tasks that have ended, those of the last hour.
pub async fn gauges(database: &impl Database, now_ms: i64) -> Result<Vec<Sample>, StoreError> {
    let since_ms = now_ms.saturating_sub(HOUR_MS);
    let parameters = [SERIES.into(), since_ms.into()];
    read(database, sql!("metrics/gauges"), &parameters).await
}

async fn read(
    database: &impl Database,
    statement: &str,
    parameters: &[Value],
) -> Result<Vec<Sample>, StoreError> {
    let rows = database.query(statement, parameters).await?;
    rows.into_rows()
        .map(|row| Ok((row.text("series")?.to_owned(), row.real("value")?)))
        .collect()
}
