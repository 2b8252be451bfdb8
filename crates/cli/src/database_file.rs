//! The application's database file, looked at without the application.

use std::path::{Path, PathBuf};

use store::StoreError;
use store::migrate;
use store::native::Native;

#[cfg(feature = "stack")]
use crate::failure::{Failure, Outcome};

/// The file that the runtime configuration names, else the one of the state directory; `None` when
/// the database is in memory or elsewhere.
#[cfg(feature = "stack")]
pub fn find(config: Option<&Path>, state_dir: &Path) -> Result<Option<PathBuf>, String> {
    host::database_file(config, state_dir, "default").map_err(|error| error.to_string())
}

/// Without the host there is no runtime configuration; the file has the name that it gives it.
#[cfg(not(feature = "stack"))]
pub fn find(_config: Option<&Path>, state_dir: &Path) -> Result<Option<PathBuf>, String> {
    Ok(Some(state_dir.join("sqlite_db.db")))
}

/// Opens the file for reading only, also beside a stack that runs.
pub fn open(path: &Path) -> Result<Native, StoreError> {
    let escaped = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    Native::open(Path::new(&format!("file:{escaped}?mode=ro")))
}

/// What to do about a database that a newer version has written.
pub const NEWER_REMEDY: &str = "start the newer version, restore a backup from before it, or choose another directory with --state-dir";

/// `Err` says that a newer version was here. What else may be wrong with the file is the
/// application's to say.
pub async fn check_version(path: &Path) -> Result<(), String> {
    let Ok(database) = open(path) else {
        return Ok(());
    };
    match migrate::current(&database).await {
        Ok(Some(found)) if found > migrate::KNOWN => Err(format!(
            "the state directory was written by a newer version: {} has schema {found}, this program knows {}",
            path.display(),
            migrate::KNOWN
        )),
        _ => Ok(()),
    }
}

/// Refuses to start over a database of a newer version, before anything else is touched.
#[cfg(feature = "stack")]
pub async fn refuse_newer(config: Option<&Path>, state_dir: &Path) -> Outcome {
    // A configuration that cannot be read is refused by the host, in its own words.
    let Ok(Some(path)) = find(config, state_dir) else {
        return Ok(());
    };
    if !path.is_file() {
        return Ok(());
    }
    let checked = check_version(&path).await;
    checked.map_err(|what| Failure::failed(what).help(NEWER_REMEDY))
}
