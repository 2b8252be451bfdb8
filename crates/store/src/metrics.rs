//! Counters that all instances share, and what can be counted at any time (GW12).

use crate::{Database, StoreError, sql};

/// More series than the code has are a fault; a scrape stays bounded.
const SERIES: i64 = 10_000;

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
    read(database, sql!("metrics/counters")).await
}

/// How many there are of what, at this moment.
pub async fn gauges(database: &impl Database) -> Result<Vec<Sample>, StoreError> {
    read(database, sql!("metrics/gauges")).await
}

async fn read(database: &impl Database, statement: &str) -> Result<Vec<Sample>, StoreError> {
    let rows = database.query(statement, &[SERIES.into()]).await?;
    rows.into_rows()
        .map(|row| Ok((row.text("series")?.to_owned(), row.real("value")?)))
        .collect()
}
