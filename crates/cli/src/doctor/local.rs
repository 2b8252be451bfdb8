//! Checks of this machine: files, tools, space, the database.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use store::Database;
use store::native::Native;

use super::Finding;
use crate::project;
use crate::state_dir::StateDir;

/// What components are compiled to.
const TARGET: &str = "wasm32-wasip2";
/// A day of films fits; below it, a database that grows soon fails.
const LEAST_FREE_BYTES: u64 = 1 << 30;
/// Rows of an integrity check that are shown.
const SHOWN_FAULTS: usize = 3;
/// The file of the application's database, as the host names it.
const DATABASE: &str = "sqlite_db.db";

pub fn components(from: Option<&Path>) -> Finding {
    let manifest = match project::find_manifest(from) {
        Ok(manifest) => manifest,
        Err(_) => {
            return Finding::wrong(
                "there is no spin.toml",
                "run this in the project's directory, or name its spin.toml with --from",
            );
        }
    };
    let shown = manifest.display();
    match project::component_files(&manifest) {
        Err(why) => Finding::wrong(
            format!("{shown}: {why}"),
            "correct the manifest; `clash up` names the key",
        ),
        Ok(files) => {
            let missing: Vec<_> = files
                .iter()
                .filter(|(_, path)| !path.is_file())
                .map(|(id, _)| id.as_str())
                .collect();
            match missing.as_slice() {
                [] => Finding::Well(format!("all {} of {shown} are built", files.len())),
                missing => Finding::wrong(
                    format!(
                        "{} of {} are not built: {}",
                        missing.len(),
                        files.len(),
                        missing.join(", ")
                    ),
                    "make components",
                ),
            }
        }
    }
}

/// Only building needs it: with everything built, a machine without Rust is well.
pub fn wasi_target(from: Option<&Path>) -> Finding {
    let built = matches!(components(from), Finding::Well(_));
    let library = std::process::Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let found = match &library {
        Ok(output) if output.status.success() => {
            let path = String::from_utf8_lossy(&output.stdout);
            Path::new(path.trim())
                .read_dir()
                .is_ok_and(|mut files| files.next().is_some())
        }
        _ => false,
    };
    match (found, library.is_ok()) {
        (true, _) => Finding::Well(format!("{TARGET} is installed")),
        (false, _) if built => Finding::NotYet("is not needed: the components are built".into()),
        (false, true) => Finding::wrong(
            format!("{TARGET} is not installed"),
            format!("make setup, or rustup target add {TARGET}"),
        ),
        (false, false) => Finding::wrong(
            "rustc is not found",
            "install Rust from https://rustup.rs, then make setup",
        ),
    }
}

pub fn state_directory(state: &StateDir) -> Finding {
    let path = state.path();
    let shown = path.display();
    let (folder, exists) = nearest_existing(path);
    if !folder.is_dir() {
        return Finding::wrong(
            format!("{} is not a directory", folder.display()),
            "choose another with --state-dir",
        );
    }
    match tempfile::tempfile_in(&folder) {
        Ok(_) if exists => Finding::Well(format!("{shown} can be written")),
        Ok(_) => Finding::NotYet(format!("{shown} will be made by the first `clash up`")),
        Err(error) => Finding::wrong(
            format!("{} cannot be written: {error}", folder.display()),
            "change its owner or mode, or choose another directory with --state-dir",
        ),
    }
}

fn nearest_existing(path: &Path) -> (PathBuf, bool) {
    if path.exists() {
        return (path.to_owned(), true);
    }
    let above = path
        .ancestors()
        .skip(1)
        .find(|path| !path.as_os_str().is_empty() && path.exists());
    (above.unwrap_or(Path::new(".")).to_owned(), false)
}

pub fn secret(state: &StateDir) -> Finding {
    let path = state.secret_path();
    let shown = path.display();
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Finding::NotYet("will be made by the first `clash up`".into());
        }
        Err(error) => {
            return Finding::wrong(
                format!("{shown}: {error}"),
                "run this as the user who owns the stack",
            );
        }
    };
    if let Some(mode) = mode_of(&metadata).filter(|mode| mode & 0o077 != 0) {
        return Finding::wrong(
            format!("{shown} can be read by others (mode {mode:o})"),
            format!("chmod 600 {shown}; if anybody may have read it, remove it and start again"),
        );
    }
    match state
        .secret()
        .map(|secret| identity::Keys::from_secret(&secret).map(drop))
    {
        Ok(Ok(())) => Finding::Well(format!("{shown} is private and long enough")),
        Ok(Err(error)) => Finding::wrong(
            format!("{shown}: {error}"),
            "stop the stack, remove the file, start again",
        ),
        Err(failure) => Finding::wrong(
            failure.to_string(),
            "run this as the user who owns the stack",
        ),
    }
}

#[cfg(unix)]
fn mode_of(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode_of(_metadata: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(unix)]
pub fn disk(path: &Path) -> Finding {
    let (folder, _) = nearest_existing(path);
    match rustix::fs::statvfs(&folder) {
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let shown = format!("{:.1} GB are free", free as f64 / 1e9);
            match free {
                LEAST_FREE_BYTES.. => Finding::Well(shown),
                _ => Finding::wrong(
                    shown,
                    "free some space, or choose another disk with --state-dir",
                ),
            }
        }
        Err(error) => Finding::NotYet(format!("the free space is unknown: {error}")),
    }
}

#[cfg(not(unix))]
pub fn disk(_path: &Path) -> Finding {
    Finding::NotYet("the free space is not looked at on this system".into())
}

/// Opens the database for reading only, also beside a stack that runs.
pub async fn database(state: &StateDir) -> Finding {
    let path = state.path().join(DATABASE);
    if !path.exists() {
        return Finding::NotYet("will be made by the first `clash up`".into());
    }
    let shown = path.display();
    let remedy = "restore the directory from a backup, or move it away and start with an empty one";
    let database = match Native::open(Path::new(&read_only(&path))) {
        Ok(database) => database,
        Err(error) => return Finding::wrong(format!("{shown}: {error}"), remedy),
    };
    match database.query("PRAGMA quick_check", &[]).await {
        Err(error) => Finding::wrong(format!("{shown}: {error}"), remedy),
        Ok(rows) => {
            let rows = rows.into_rows();
            let fault = |row: store::Row| row.text("quick_check").map(ToOwned::to_owned).ok();
            let faults: Vec<String> = rows
                .filter_map(fault)
                .filter(|fault| fault != "ok")
                .collect();
            match faults.as_slice() {
                [] => Finding::Well(format!("{shown} is sound")),
                faults => {
                    let shown_faults = faults
                        .iter()
                        .take(SHOWN_FAULTS)
                        .cloned()
                        .collect::<Vec<_>>()
                        .join("; ");
                    Finding::wrong(format!("{shown} is damaged: {shown_faults}"), remedy)
                }
            }
        }
    }
}

/// A path as a URI that SQLite opens without writing.
fn read_only(path: &Path) -> String {
    let escaped = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    format!("file:{escaped}?mode=ro")
}
