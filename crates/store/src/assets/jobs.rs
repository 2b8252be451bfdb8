//! What is still to be done for an asset. A trigger writes the jobs in the transaction that makes
//! the asset visible, whoever makes it.

use crate::{Database, DueAt, Row, StoreError, read_one, sql};

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    Thumbnails,
    /// From the chunks to the object storage.
    Move,
}

impl JobKind {
    fn name(self) -> &'static str {
        match self {
            Self::Thumbnails => "thumbnails",
            Self::Move => "move",
        }
    }
}

/// Which job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub kind: JobKind,
    pub tenant: String,
    pub asset_id: String,
}

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    pub job: Job,
    /// This one included.
    pub tries: i64,
}

/// What a tick has to do at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    pub thumbnails: bool,
    pub moves: bool,
    pub unseen_garbage: bool,
    pub garbage: bool,
    pub uploads: bool,
}

/// A look that takes no lock. Garbage counts when it is from `garbage_before_ms` or earlier.
pub async fn work(
    database: &impl Database,
    at: DueAt,
    garbage_before_ms: i64,
) -> Result<Work, StoreError> {
    let parameters = [
        at.now_ms.into(),
        at.latest_ms.into(),
        garbage_before_ms.into(),
    ];
    let row = read_one(database, sql!("assets/has_work"), &parameters).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    let is = |column: &str| row.integer(column).map(|value| value != 0);
    Ok(Work {
        thumbnails: is("thumbnails")?,
        moves: is("moves")?,
        unseen_garbage: is("unseen")?,
        garbage: is("garbage")?,
        uploads: is("uploads")?,
    })
}

/// Claims due jobs of a kind until `hold_until_ms`.
pub async fn claim_jobs(
    database: &impl Database,
    kind: JobKind,
    at: DueAt,
    hold_until_ms: i64,
    limit: i64,
) -> Result<Vec<JobRow>, StoreError> {
    let parameters = [
        kind.name().into(),
        at.now_ms.into(),
        at.latest_ms.into(),
        hold_until_ms.into(),
        limit.into(),
    ];
    let rows = database
        .query(sql!("assets/claim_jobs"), &parameters)
        .await?;
    rows.into_rows().map(|row| read(kind, &row)).collect()
}

/// Claims one job, if it is due.
pub async fn claim_job(
    database: &impl Database,
    job: &Job,
    now_ms: i64,
    hold_until_ms: i64,
) -> Result<Option<JobRow>, StoreError> {
    let parameters = [
        job.kind.name().into(),
        job.tenant.as_str().into(),
        job.asset_id.as_str().into(),
        now_ms.into(),
        hold_until_ms.into(),
    ];
    let row = read_one(database, sql!("assets/claim_job"), &parameters).await?;
    row.as_ref().map(|row| read(job.kind, row)).transpose()
}

fn read(kind: JobKind, row: &Row) -> Result<JobRow, StoreError> {
    Ok(JobRow {
        job: Job {
            kind,
            tenant: row.text("tenant")?.to_owned(),
            asset_id: row.text("asset_id")?.to_owned(),
        },
        tries: row.integer("tries")?,
    })
}

pub async fn postpone_job(
    database: &impl Database,
    job: &Job,
    until_ms: i64,
) -> Result<(), StoreError> {
    let parameters = [
        job.kind.name().into(),
        job.tenant.as_str().into(),
        job.asset_id.as_str().into(),
        until_ms.into(),
    ];
    let statement = sql!("assets/postpone_job");
    database.query(statement, &parameters).await.map(drop)
}

pub async fn delete_job(database: &impl Database, job: &Job) -> Result<(), StoreError> {
    let parameters = [
        job.kind.name().into(),
        job.tenant.as_str().into(),
        job.asset_id.as_str().into(),
    ];
    let statement = sql!("assets/delete_job");
    database.query(statement, &parameters).await.map(drop)
}
