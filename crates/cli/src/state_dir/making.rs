//! What a stack does with its state directory: makes it, takes it, writes into it.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use super::{SMALL_FILE_BYTES, StateDir, write_atomically};
use crate::failure::{Failure, Outcome};

/// Bytes of a fresh secret, before it is written as hexadecimal digits.
const SECRET_BYTES: usize = 32;

/// While it lives, no other `clash up` uses the state directory.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl StateDir {
    /// Makes the directory if it is missing and checks that files can be written in it.
    pub fn create(&self) -> Outcome {
        create_private_dir(&self.path).map_err(|error| self.cannot("make", &error))?;
        let probe = tempfile::Builder::new()
            .prefix(".probe")
            .tempfile_in(&self.path);
        probe
            .map(drop)
            .map_err(|error| self.cannot("write in", &error))
    }

    /// Takes the directory for this process. The system gives it back however the process ends.
    pub fn lock(&self) -> Outcome<Lock> {
        let path = self.path.join("lock");
        let mut options = File::options();
        let opened = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = opened.map_err(|error| self.cannot("write in", &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = (&mut file).take(SMALL_FILE_BYTES).read_to_string(&mut pid);
                let who = match pid.trim() {
                    "" => String::new(),
                    pid => format!(" (process {pid})"),
                };
                return Err(Failure::failed(format!(
                    "another `clash up`{who} uses the state directory {}",
                    self.path.display()
                ))
                .help("stop it, or give this one a directory of its own with --state-dir"));
            }
            Err(TryLockError::Error(error)) => return Err(self.cannot("lock", &error)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| self.cannot("write in", &error))?;
        Ok(Lock { _file: file })
    }

    /// The secret, made at the first call.
    pub fn secret_or_new(&self) -> Outcome<Vec<u8>> {
        match self.read_secret() {
            Ok(Some(secret)) => return Ok(secret),
            Ok(None) => {}
            Err(failure) => return Err(failure),
        }
        let mut bytes = [0u8; SECRET_BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| Failure::failed(format!("the system gives no randomness: {error}")))?;
        let secret = hex::encode(bytes);
        write_private(&self.secret_path(), secret.as_bytes())
            .map_err(|error| self.cannot("write the secret in", &error))?;
        // Whoever was first has written the secret that counts.
        self.secret()
    }

    /// Tells other commands where this stack serves.
    pub fn write_address(&self, url: &str) -> Outcome {
        let written = write_atomically(&self.address_path(), format!("{url}\n").as_bytes());
        written.map_err(|error| self.cannot("write in", &error))
    }

    pub fn remove_address(&self) {
        let _ = fs::remove_file(self.address_path());
    }

    fn cannot(&self, what: &str, error: &io::Error) -> Failure {
        let path = self.path.display();
        let help = match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "choose a directory that you may write to with --state-dir, or change its owner or mode"
            }
            ErrorKind::StorageFull => {
                "free some disk space, or choose another disk with --state-dir"
            }
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                "something else has this name; choose another with --state-dir"
            }
            _ => "choose another directory with --state-dir",
        };
        let reason = match error.kind() {
            ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        Failure::failed(format!(
            "cannot {what} the state directory {path}: {reason}"
        ))
        .help(help)
    }
}

/// Writes a file that only its owner may read (which is how `tempfile` makes them); a file that is
/// there already stays.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".writing-")
        .tempfile_in(parent)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
