//! Is the database whole, and of a version that this program knows?

use std::path::Path;

use store::Database;
use store::native::Native;

use super::Finding;
use crate::database_file;
use crate::state_dir::StateDir;

/// Faults of an integrity check that are shown, and that SQLite looks for.
const SHOWN_FAULTS: usize = 3;
const SOUND: &str = "PRAGMA integrity_check(4)";

const REMEDY: &str =
    "restore the directory from a backup, or move it away and start with an empty one";

pub async fn check(state: &StateDir, path: &Path) -> Finding {
    let shown = path.display();
    if !path.exists() {
        return Finding::NotYet("will be made by the first `clash up`".into());
    }
    // A secret that is gone beside a database that is not: a new one would be made.
    if !state.secret_path().exists() {
        return Finding::wrong(
            format!(
                "{shown} is there, but its secret {} is missing",
                state.secret_path().display()
            ),
            "restore it from a backup; else `clash up` makes a new one, and tokens given out before end",
        );
    }
    let database = match database_file::open(path) {
        Ok(database) => database,
        Err(error) => return Finding::wrong(format!("{shown}: {error}"), REMEDY),
    };
    match faults(&database).await {
        Err(error) => return Finding::wrong(format!("{shown}: {error}"), REMEDY),
        Ok(faults) if !faults.is_empty() => {
            let told: Vec<_> = faults.into_iter().take(SHOWN_FAULTS).collect();
            return Finding::wrong(format!("{shown} is damaged: {}", told.join("; ")), REMEDY);
        }
        Ok(_) => {}
    }
    match database_file::check_version(path).await {
        Err(what) => Finding::wrong(what, database_file::NEWER_REMEDY),
        Ok(()) => Finding::Well(format!("{shown} is sound")),
    }
}

/// What SQLite finds in the file, and rows that name others which are not there.
async fn faults(database: &Native) -> Result<Vec<String>, store::StoreError> {
    let mut faults = Vec::new();
    for row in database.query(SOUND, &[]).await?.into_rows() {
        match row.text("integrity_check")? {
            "ok" => {}
            fault => faults.push(fault.replace('\n', " ")),
        }
    }
    for row in database
        .query("PRAGMA foreign_key_check", &[])
        .await?
        .into_rows()
    {
        let (table, parent) = (row.text("table")?, row.text("parent")?);
        faults.push(format!("a row of {table} belongs to no row of {parent}"));
    }
    Ok(faults)
}
