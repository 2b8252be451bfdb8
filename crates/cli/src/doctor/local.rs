//! Checks of what lies on this machine: what was built, tools, the state directory and its secret.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::project;
use crate::state_dir::StateDir;

/// What components are compiled to.
const TARGET: &str = "wasm32-wasip2";

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

/// Which file the database is, or what is wrong with the configuration that says so.
pub fn runtime_config(config: Option<&Path>, state: &StateDir) -> Result<Option<PathBuf>, Finding> {
    crate::database_file::find(config, state.path())
        .map_err(|what| Finding::wrong(what, "correct the file; SPEC.md section 10 has its keys"))
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

pub fn nearest_existing(path: &Path) -> (PathBuf, bool) {
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
