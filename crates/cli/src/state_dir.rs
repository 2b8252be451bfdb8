//! The state directory of a stack: its secret, its lock and the address at which it serves.
//!
//! ```text
//! .clash/secret    what tokens are signed with, 64 hexadecimal digits, for the owner's eyes only
//! .clash/lock      held while `clash up` runs
//! .clash/address   http://127.0.0.1:8788, while `clash up` serves
//! ```

#[cfg(feature = "stack")]
mod making;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Failure, Outcome};

/// A secret, a pid or an address has under 100 bytes; a larger file is something else.
const SMALL_FILE_BYTES: u64 = 4096;

#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
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

#[cfg(all(test, feature = "stack"))]
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
