//! The state directory of a stack: its secret, its lock and the address at which it serves.
//!
//! ```text
//! .clash/secret    what tokens are signed with, 64 hexadecimal digits, for the owner's eyes only
//! .clash/lock      held while `clash up` runs
//! .clash/address   http://127.0.0.1:8788, while `clash up` serves
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Failure, Outcome};

/// Bytes of a fresh secret, before it is written as hexadecimal digits.
const SECRET_BYTES: usize = 32;
/// A secret, a pid or an address has under 100 bytes; a larger file is something else.
const SMALL_FILE_BYTES: u64 = 4096;

#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
}

/// While it lives, no other `clash up` uses the state directory.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl StateDir {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn secret_path(&self) -> PathBuf {
        self.path.join("secret")
    }

    fn address_path(&self) -> PathBuf {
        self.path.join("address")
    }

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

    /// The secret of a stack that was started before.
    pub fn secret(&self) -> Outcome<Vec<u8>> {
        self.read_secret()?.ok_or_else(|| {
            Failure::failed(format!("there is no secret in {} yet", self.path.display()))
                .help("start a stack with `clash up` first, or name its directory with --state-dir")
        })
    }

    fn read_secret(&self) -> Outcome<Option<Vec<u8>>> {
        let path = self.secret_path();
        match read_small(&path) {
            Ok(text) => Ok(Some(text.trim().as_bytes().to_vec())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(
                Failure::failed(format!("cannot read {}: {error}", path.display()))
                    .help("only the user who started the stack may read its secret"),
            ),
        }
    }

    /// Tells other commands where this stack serves.
    pub fn write_address(&self, url: &str) -> Outcome {
        let written = write_atomically(&self.address_path(), format!("{url}\n").as_bytes());
        written.map_err(|error| self.cannot("write in", &error))
    }

    pub fn remove_address(&self) {
        let _ = fs::remove_file(self.address_path());
    }

    /// Where the stack of this directory serves, if it does.
    pub fn address(&self) -> Option<String> {
        let text = read_small(&self.address_path()).ok()?;
        Some(text.trim().to_owned()).filter(|address| !address.is_empty())
    }

    /// How long the stack of this directory serves already.
    pub fn serving_for(&self) -> Option<Duration> {
        let written = fs::metadata(self.address_path()).and_then(|file| file.modified());
        written.ok()?.elapsed().ok()
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

fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(SMALL_FILE_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a whole file or nothing: beside its place first, then moved there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    {
        // An ordinary file is for everyone that the umask allows; by default it would be private.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn state_dir() -> (tempfile::TempDir, StateDir) {
        let outer = tempfile::tempdir().expect("a temporary directory");
        let state = StateDir::new(outer.path().join("state"));
        (outer, state)
    }

    #[test]
    fn op2_the_secret_is_made_once_and_is_private() {
        let (_outer, state) = state_dir();
        assert!(state.secret().unwrap_err().to_string().contains("clash up"));
        state.create().expect("made");
        let secret = state.secret_or_new().expect("made");
        assert_eq!(secret.len(), 64);
        assert_eq!(state.secret_or_new().expect("read"), secret);
        assert_eq!(state.secret().expect("read"), secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(state.secret_path())
                .expect("there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn op2_a_second_stack_in_the_same_directory_is_told_so() {
        let (_outer, state) = state_dir();
        state.create().expect("made");
        let lock = state.lock().expect("free");
        let message = state.lock().expect_err("taken").to_string();
        let pid = std::process::id().to_string();
        assert!(
            message.contains("another `clash up`") && message.contains(&pid),
            "{message}"
        );
        drop(lock);
        state.lock().expect("free again");
    }

    #[test]
    fn op2_a_file_in_the_place_of_the_directory_is_one_sentence() {
        let (outer, state) = state_dir();
        fs::write(outer.path().join("state"), "a file").expect("written");
        let message = state.create().expect_err("refused").to_string();
        assert!(
            message.contains("state directory") && message.contains("--state-dir"),
            "{message}"
        );
    }

    #[test]
    fn op2_the_address_is_there_while_the_stack_serves() {
        let (_outer, state) = state_dir();
        state.create().expect("made");
        assert_eq!(state.address(), None);
        state
            .write_address("http://127.0.0.1:1234")
            .expect("written");
        assert_eq!(state.address().as_deref(), Some("http://127.0.0.1:1234"));
        state.remove_address();
        assert_eq!(state.address(), None);
    }
}
