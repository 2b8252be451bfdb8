//! Bytes that nobody needs any more. A trigger notes every asset that a project loses; the tick
//! sees the note, waits, and removes what is still not needed, a few rows at a time.

use crate::{Database, Row, StoreError, begin, or_rollback, read_one, sql};

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage {
    pub tenant: String,
    pub asset_id: String,
    /// Chunks under this name were let go of and are being removed.
    chunks_name: Option<String>,
}

/// What a step of the removal found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Rows were removed, and there may be more.
    Removed,
    /// There are no chunks left that are not needed.
    Done { tenant_needs_it: bool },
}

/// Gives notes without a time this one.
pub async fn see_garbage(
    database: &impl Database,
    now_ms: i64,
    limit: i64,
) -> Result<(), StoreError> {
    let statement = sql!("assets/see_garbage");
    let parameters = [now_ms.into(), limit.into()];
    database.query(statement, &parameters).await.map(drop)
}

/// Notes an asset whose chunks have become superfluous.
pub async fn put_garbage(
    database: &impl Database,
    tenant: &str,
    asset_id: &str,
    since_ms: i64,
) -> Result<(), StoreError> {
    let parameters = [tenant.into(), asset_id.into(), since_ms.into()];
    let statement = sql!("assets/put_garbage");
    database.query(statement, &parameters).await.map(drop)
}

impl Garbage {
    /// The notes from `before_ms` or earlier, oldest first.
    pub async fn old(
        database: &impl Database,
        before_ms: i64,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        let parameters = [before_ms.into(), limit.into()];
        let rows = database
            .query(sql!("assets/old_garbage"), &parameters)
            .await?;
        rows.into_rows().map(|row| Self::read(&row)).collect()
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.text("tenant")?.to_owned(),
            asset_id: row.text("asset_id")?.to_owned(),
            chunks_name: row.optional_text("chunks_name")?.map(str::to_owned),
        })
    }

    /// Everything is removed; the note goes too.
    pub async fn forget(self, database: &impl Database) -> Result<(), StoreError> {
        let parameters = [self.tenant.into(), self.asset_id.into()];
        let statement = sql!("assets/delete_garbage");
        database.query(statement, &parameters).await.map(drop)
    }

    async fn name(
        &mut self,
        database: &impl Database,
        chunks_name: Option<String>,
    ) -> Result<(), StoreError> {
        let parameters = [
            self.tenant.as_str().into(),
            self.asset_id.as_str().into(),
            chunks_name.clone().into(),
        ];
        database
            .query(sql!("assets/name_garbage"), &parameters)
            .await?;
        self.chunks_name = chunks_name;
        Ok(())
    }
}

/// Removes at most `parts` rows of an asset's chunks, if nobody needs them, in one transaction.
pub async fn sweep(
    database: &impl Database,
    garbage: &mut Garbage,
    parts: i64,
) -> Result<Sweep, StoreError> {
    let transaction = begin(database).await?;
    let swept = sweep_in(&transaction, garbage, parts).await;
    let swept = or_rollback(database, swept).await?;
    transaction.commit().await?;
    Ok(swept)
}

async fn sweep_in(
    database: &impl Database,
    garbage: &mut Garbage,
    parts: i64,
) -> Result<Sweep, StoreError> {
    let parameters = [
        garbage.tenant.as_str().into(),
        garbage.asset_id.as_str().into(),
    ];
    let needs = read_one(database, sql!("assets/needs"), &parameters).await?;
    let needs = needs.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    let is = |column: &str| needs.integer(column).map(|value| value != 0);
    let content = needs.optional_text("chunks_name")?;
    if !is("anybody")? {
        let asset = [garbage.asset_id.as_str().into()];
        database
            .query(sql!("assets/delete_thumbnails"), &asset)
            .await?;
    }
    let name = match (&garbage.chunks_name, content) {
        // Already let go of: whoever has the asset now has other chunks.
        (Some(name), _) => Some(name.clone()),
        (None, Some(name)) if !is("chunks")? => {
            // From here on the bytes are not there, and an upload brings them anew.
            let asset = [garbage.asset_id.as_str().into()];
            database
                .query(sql!("assets/delete_content"), &asset)
                .await?;
            garbage.name(database, Some(name.to_owned())).await?;
            Some(name.to_owned())
        }
        // What lies under the asset's own id is not read where there is another name.
        (None, Some(_)) => Some(garbage.asset_id.clone()),
        (None, None) if !is("chunks")? => Some(garbage.asset_id.clone()),
        (None, None) => None,
    };
    if let Some(name) = name {
        let parameters = [name.into(), parts.into()];
        let deleted = database
            .query(sql!("assets/delete_some_chunks"), &parameters)
            .await?;
        if !deleted.is_empty() {
            return Ok(Sweep::Removed);
        }
        if garbage.chunks_name.is_some() {
            garbage.name(database, None).await?;
            return Ok(Sweep::Removed);
        }
    }
    Ok(Sweep::Done {
        tenant_needs_it: is("tenant")?,
    })
}
