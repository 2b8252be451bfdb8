//! Changes of a registration that do not replace it.

use super::ServerRow;
use crate::{Database, StoreError, Value, read_one, sql};

/// What is to be changed; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Change<'a> {
    /// The state that the caller knows, and the one that it shall have.
    pub state: Option<(&'a str, &'a str)>,
    pub slots: Option<i64>,
    pub tier: Option<i64>,
    pub rate_per_min: Option<i64>,
    pub now_ms: i64,
}

/// The row after the change; `None` when there is no such server, or its state is another one
/// meanwhile. A new state is checked at once.
pub async fn change(
    database: &impl Database,
    id: &str,
    change: &Change<'_>,
) -> Result<Option<ServerRow>, StoreError> {
    let (known, wanted) = change.state.unzip();
    let parameters: [Value; 7] = [
        id.into(),
        known.map(str::to_owned).into(),
        wanted.map(str::to_owned).into(),
        change.slots.into(),
        change.tier.into(),
        change.rate_per_min.into(),
        change.now_ms.into(),
    ];
    let row = read_one(database, sql!("servers/change"), &parameters).await?;
    row.map(|row| ServerRow::read(&row)).transpose()
}
