//! Bytes that lie in the object storage instead of chunks: one object for each tenant and hash.

use super::AssetRow;
use crate::{Database, Row, StoreError, Value, read_one, sql};

/// How far an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// Parts of it are there.
    Moving,
    Stored,
    /// It is being removed.
    Leaving,
}

impl ObjectState {
    fn name(self) -> &'static str {
        match self {
            Self::Moving => "moving",
            Self::Stored => "stored",
            Self::Leaving => "leaving",
        }
    }
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    pub tenant: String,
    pub asset_id: String,
    pub state: ObjectState,
    /// Of the multipart upload that goes on.
    pub upload_id: Option<String>,
    /// Of the parts that are there.
    pub etags: Vec<String>,
}

impl ObjectRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let state = match row.text("state")? {
            "moving" => ObjectState::Moving,
            "stored" => ObjectState::Stored,
            "leaving" => ObjectState::Leaving,
            other => return Err(StoreError::Shape(format!("an object is {other}"))),
        };
        let etags = serde_json::from_str(row.text("etags")?)
            .map_err(|error| StoreError::Shape(format!("etags: {error}")))?;
        Ok(Self {
            tenant: row.text("tenant")?.to_owned(),
            asset_id: row.text("asset_id")?.to_owned(),
            state,
            upload_id: row.optional_text("upload_id")?.map(str::to_owned),
            etags,
        })
    }
}

pub async fn object(
    database: &impl Database,
    tenant: &str,
    asset_id: &str,
) -> Result<Option<ObjectRow>, StoreError> {
    let parameters = [tenant.into(), asset_id.into()];
    let row = read_one(database, sql!("assets/object"), &parameters).await?;
    row.as_ref().map(ObjectRow::read).transpose()
}

/// True when the project's tenant has the bytes of this id in the object storage.
pub async fn is_outside(
    database: &impl Database,
    project_id: &str,
    asset_id: &str,
) -> Result<bool, StoreError> {
    let parameters = [project_id.into(), asset_id.into()];
    let row = read_one(database, sql!("assets/is_outside"), &parameters).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    Ok(row.integer("stored")? != 0)
}

/// Writes how far a new or moving object is; false when it is stored or leaving.
pub async fn put_object(database: &impl Database, object: &ObjectRow) -> Result<bool, StoreError> {
    let parameters = [
        object.tenant.as_str().into(),
        object.asset_id.as_str().into(),
        object.state.name().into(),
        Value::from(object.upload_id.clone()),
        serde_json::json!(object.etags).to_string().into(),
    ];
    let written = database
        .query(sql!("assets/put_object"), &parameters)
        .await?;
    Ok(!written.is_empty())
}

/// Marks an object for removal when no project of its tenant has the asset.
pub async fn leave_object(
    database: &impl Database,
    tenant: &str,
    asset_id: &str,
) -> Result<Option<ObjectRow>, StoreError> {
    let parameters = [tenant.into(), asset_id.into()];
    let row = read_one(database, sql!("assets/leave_object"), &parameters).await?;
    row.as_ref().map(ObjectRow::read).transpose()
}

/// Forgets an object that was marked and is gone.
pub async fn delete_object(
    database: &impl Database,
    tenant: &str,
    asset_id: &str,
) -> Result<(), StoreError> {
    let parameters = [tenant.into(), asset_id.into()];
    let statement = sql!("assets/delete_object");
    database.query(statement, &parameters).await.map(drop)
}

/// An asset of some project of the tenant.
pub async fn in_tenant(
    database: &impl Database,
    tenant: &str,
    asset_id: &str,
) -> Result<Option<AssetRow>, StoreError> {
    let parameters = [tenant.into(), asset_id.into()];
    let row = read_one(database, sql!("assets/in_tenant"), &parameters).await?;
    row.as_ref().map(AssetRow::read).transpose()
}
