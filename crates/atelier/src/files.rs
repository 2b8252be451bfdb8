//! Results on disk, under names that cannot be guessed, for an hour or until newer ones need the room.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub struct Files {
    directory: PathBuf,
    keep_for: Duration,
    keep_bytes: u64,
    entries: Mutex<VecDeque<Entry>>,
}

struct Entry {
    name: String,
    bytes: u64,
    media_type: &'static str,
    made: Instant,
}

/// 128 random bits in hexadecimal.
pub fn random_name() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(hex::encode(bytes))
}

impl Files {
    /// Takes over a directory; what an earlier run left there is removed.
    pub fn open(work_dir: &Path, keep_for: Duration, keep_bytes: u64) -> io::Result<Self> {
        let directory = work_dir.join("results");
        std::fs::create_dir_all(&directory)?;
        for entry in std::fs::read_dir(&directory)?.flatten() {
            if entry.file_name().to_str().is_some_and(is_ours) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(Self {
            directory,
            keep_for,
            keep_bytes,
            entries: Mutex::default(),
        })
    }

    /// Writes a result and returns its name.
    pub fn put(
        &self,
        data: &[u8],
        extension: &str,
        media_type: &'static str,
    ) -> io::Result<String> {
        let name = format!("{}.{extension}", random_name()?);
        std::fs::write(self.directory.join(&name), data)?;
        let entry = Entry {
            name: name.clone(),
            bytes: data.len() as u64,
            media_type,
            made: Instant::now(),
        };
        self.lock().push_back(entry);
        self.sweep(Instant::now());
        Ok(name)
    }

    /// The path and media type of a result that is still kept.
    pub fn find(&self, name: &str) -> Option<(PathBuf, &'static str)> {
        let entries = self.lock();
        let entry = entries.iter().find(|entry| entry.name == name)?;
        Some((self.directory.join(&entry.name), entry.media_type))
    }

    /// Removes what is too old or, oldest first, what is over the budget; the newest always stays.
    pub fn sweep(&self, now: Instant) {
        let mut entries = self.lock();
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        while let Some(oldest) = entries.front() {
            let old = now.saturating_duration_since(oldest.made) >= self.keep_for;
            let crowded = total > self.keep_bytes && entries.len() > 1;
            if !old && !crowded {
                break;
            }
            total -= oldest.bytes;
            let _ = std::fs::remove_file(self.directory.join(&oldest.name));
            entries.pop_front();
        }
    }

    /// Removes everything, at the end.
    pub fn clear(&self) {
        for entry in self.lock().drain(..) {
            let _ = std::fs::remove_file(self.directory.join(&entry.name));
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names as [`Files::put`] makes them: nothing else in the directory is touched.
fn is_ours(name: &str) -> bool {
    name.split_once('.').is_some_and(|(stem, extension)| {
        stem.len() == 32
            && stem.bytes().all(|b| b.is_ascii_hexdigit())
            && matches!(extension, "png" | "mp4")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk14_results_go_when_they_are_old_or_crowded() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = Files::open(dir.path(), Duration::from_secs(3600), 250).expect("open");
        let put = || files.put(&[7; 100], "png", "image/png").expect("put");
        let (first, second, third) = (put(), put(), put());
        assert!(
            files.find(&first).is_none(),
            "over the budget, the oldest goes"
        );
        assert!(
            files.find(&second).is_some_and(|(path, _)| path.exists())
                && files.find(&third).is_some()
        );
        assert!(files.find("../results").is_none());
        files.sweep(Instant::now() + Duration::from_secs(3601));
        assert!(files.find(&third).is_none());
        assert_eq!(
            std::fs::read_dir(dir.path().join("results"))
                .expect("read")
                .count(),
            0
        );
    }
}
