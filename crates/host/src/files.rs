//! Files that a component may read, as its manifest lists them.

use std::path::{Component as Part, Path, PathBuf};

use crate::manifest::FilesMount;

/// Turns a component's `files` into directories and the paths under which the guest sees them.
/// Whole directories are shown where they are; single files and patterns are copied to `staging`.
pub(crate) fn mounts(
    base: &Path,
    staging: &Path,
    files: &[FilesMount],
    excluded: &[String],
) -> Result<Vec<(PathBuf, String)>, String> {
    let direct: Option<Vec<_>> = files
        .iter()
        .map(|mount| match mount {
            FilesMount::Placement {
                source,
                destination,
            } if excluded.is_empty() => {
                let source = base.join(source);
                source.is_dir().then(|| (source, absolute(destination)))
            }
            _ => None,
        })
        .collect();
    if let Some(direct) = direct {
        return Ok(direct);
    }
    if staging.exists() {
        std::fs::remove_dir_all(staging).map_err(|error| describe(staging, &error))?;
    }
    std::fs::create_dir_all(staging).map_err(|error| describe(staging, &error))?;
    let excluded = excluded
        .iter()
        .map(|pattern| {
            glob::Pattern::new(pattern)
                .map_err(|error| format!("`exclude_files`: \"{pattern}\": {error}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    for mount in files {
        match mount {
            FilesMount::Placement {
                source,
                destination,
            } => {
                let relative = destination.trim_start_matches('/');
                check_relative(relative)?;
                let from = base.join(source);
                if !from.exists() {
                    return Err(format!("`files`: there is no {}", from.display()));
                }
                copy(&from, &staging.join(relative), base, &excluded)?;
            }
            FilesMount::Pattern(pattern) => copy_matches(pattern, base, staging, &excluded)?,
        }
    }
    Ok(vec![(staging.to_owned(), "/".into())])
}

fn copy_matches(
    pattern: &str,
    base: &Path,
    staging: &Path,
    excluded: &[glob::Pattern],
) -> Result<(), String> {
    check_relative(pattern)?;
    let escaped = glob::Pattern::escape(&base.to_string_lossy());
    let whole = if escaped.is_empty() {
        pattern.to_owned()
    } else {
        format!("{escaped}/{pattern}")
    };
    let found = glob::glob(&whole).map_err(|error| format!("`files`: \"{pattern}\": {error}"))?;
    let mut any = false;
    for entry in found {
        let entry = entry.map_err(|error| format!("`files`: {error}"))?;
        let relative = entry.strip_prefix(base).unwrap_or(&entry);
        copy(&entry, &staging.join(relative), base, excluded)?;
        any = true;
    }
    if any || pattern.contains(['*', '?', '[']) {
        Ok(())
    } else {
        Err(format!(
            "`files`: there is no {}",
            base.join(pattern).display()
        ))
    }
}

fn copy(from: &Path, to: &Path, base: &Path, excluded: &[glob::Pattern]) -> Result<(), String> {
    let relative = from.strip_prefix(base).unwrap_or(from);
    if excluded
        .iter()
        .any(|pattern| pattern.matches_path(relative))
    {
        return Ok(());
    }
    if from.is_dir() {
        let entries = std::fs::read_dir(from).map_err(|error| describe(from, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| describe(from, &error))?;
            copy(&entry.path(), &to.join(entry.file_name()), base, excluded)?;
        }
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|error| describe(parent, &error))?;
    }
    std::fs::copy(from, to)
        .map(drop)
        .map_err(|error| describe(from, &error))
}

/// What a manifest names must not lead out of its folder.
fn check_relative(path: &str) -> Result<(), String> {
    if Path::new(path)
        .components()
        .all(|part| matches!(part, Part::Normal(_) | Part::CurDir))
    {
        Ok(())
    } else {
        Err(format!(
            "`files`: \"{path}\" must be a path inside the application, without `..`"
        ))
    }
}

fn absolute(destination: &str) -> String {
    if destination.starts_with('/') {
        destination.to_owned()
    } else {
        format!("/{destination}")
    }
}

fn describe(path: &Path, error: &std::io::Error) -> String {
    format!("`files`: {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(base: &Path) {
        for (path, text) in [
            ("web/index.html", "index"),
            ("web/css/a.css", "css"),
            ("notes.txt", "notes"),
        ] {
            let path = base.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    fn placement(source: &str, destination: &str) -> FilesMount {
        FilesMount::Placement {
            source: source.into(),
            destination: destination.into(),
        }
    }

    #[test]
    fn op2_directories_are_shown_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let (base, staging) = (directory.path(), directory.path().join("staging"));
        tree(base);
        let found = mounts(base, &staging, &[placement("web", "/static")], &[]).unwrap();
        assert_eq!(found, [(base.join("web"), "/static".to_owned())]);
        assert!(!staging.exists());
        assert_eq!(mounts(base, &staging, &[], &[]).unwrap(), []);
    }

    #[test]
    fn op2_patterns_and_single_files_are_staged() {
        let directory = tempfile::tempdir().unwrap();
        let (base, staging) = (directory.path(), directory.path().join("staging"));
        tree(base);
        let files = [
            FilesMount::Pattern("web/**/*".into()),
            placement("notes.txt", "/docs/n.txt"),
        ];
        let found = mounts(base, &staging, &files, &["web/css/*".into()]).unwrap();
        assert_eq!(found, [(staging.clone(), "/".to_owned())]);
        assert_eq!(
            std::fs::read_to_string(staging.join("web/index.html")).unwrap(),
            "index"
        );
        assert_eq!(
            std::fs::read_to_string(staging.join("docs/n.txt")).unwrap(),
            "notes"
        );
        assert!(!staging.join("web/css/a.css").exists());
    }

    #[test]
    fn op2_paths_outside_and_missing_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (base, staging) = (directory.path(), directory.path().join("staging"));
        for mount in [
            FilesMount::Pattern("../x".into()),
            FilesMount::Pattern("/etc/passwd".into()),
            FilesMount::Pattern("missing.txt".into()),
            placement("missing", "/x"),
            placement("web", "/../x"),
        ] {
            let message =
                mounts(base, &staging, std::slice::from_ref(&mount), &[]).expect_err("refused");
            assert!(message.contains("`files`"), "{mount:?}: {message}");
        }
    }
}
