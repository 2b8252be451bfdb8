//! Checks of this machine: space and open files.

use std::path::Path;

use super::Finding;
use super::local::nearest_existing;
use crate::open_files;

/// A day of films fits; below it, a database that grows soon fails.
const LEAST_FREE_BYTES: u64 = 1 << 30;

#[cfg(unix)]
pub fn disk(path: &Path) -> Finding {
    let (folder, _) = nearest_existing(path);
    match rustix::fs::statvfs(&folder) {
        Ok(space) => judge_space(space.f_bavail.saturating_mul(space.f_frsize)),
        Err(error) => Finding::NotYet(format!("the free space is unknown: {error}")),
    }
}

#[cfg(not(unix))]
pub fn disk(path: &Path) -> Finding {
    let _ = nearest_existing(path);
    Finding::NotYet("the free space is not looked at on this system".into())
}

fn judge_space(free_bytes: u64) -> Finding {
    let shown = match free_bytes {
        0 => "it is full".to_owned(),
        1..1_000_000_000 => format!("{} MB are free", free_bytes / 1_000_000),
        _ => format!("{:.1} GB are free", free_bytes as f64 / 1e9),
    };
    match free_bytes {
        LEAST_FREE_BYTES.. => Finding::Well(shown),
        _ => Finding::wrong(
            shown,
            "free some space, or choose another disk with --state-dir",
        ),
    }
}

pub fn files() -> Finding {
    match open_files::most() {
        None => Finding::Well("as many as it takes".into()),
        Some(most) if most >= open_files::LEAST => Finding::Well(format!("up to {most} at once")),
        Some(most) => Finding::wrong(
            format!("only {most} at once, each client being one"),
            format!(
                "raise the hard limit to {} or more: ulimit -Hn, or LimitNOFILE= of the service",
                open_files::LEAST
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op2_a_disk_that_fills_up_is_named_before_it_is_full() {
        for (free_bytes, is_well, words) in [
            (0, false, "it is full"),
            (512_000_000, false, "512 MB are free"),
            (LEAST_FREE_BYTES - 1, false, "1.1 GB are free"),
            (LEAST_FREE_BYTES, true, "1.1 GB are free"),
            (40_000_000_000, true, "40.0 GB are free"),
        ] {
            match (judge_space(free_bytes), is_well) {
                (Finding::Well(what), true) => assert_eq!(what, words),
                (Finding::Wrong { what, remedy }, false) => {
                    assert_eq!(what, words);
                    assert!(remedy.contains("free some space"), "{remedy}");
                }
                (finding, _) => panic!("{free_bytes}: {finding:?}"),
            }
        }
    }
}
