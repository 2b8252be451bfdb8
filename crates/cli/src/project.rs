//! The application's files on this machine: the manifest, and the components that it names.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};

const MANIFEST: &str = "spin.toml";
/// `<project>/target/release/clash` is three below the project; a little more does no harm.
const LEVELS_UP: usize = 5;

/// The manifest that was named, else that of the current directory, else that of the project in
/// which this executable was built.
pub fn find_manifest(named: Option<&Path>) -> Outcome<PathBuf> {
    if let Some(path) = named {
        let path = if path.is_dir() {
            path.join(MANIFEST)
        } else {
            path.to_owned()
        };
        return match path.is_file() {
            true => Ok(path),
            false => Err(
                Failure::input(format!("there is no manifest {}", path.display()))
                    .help("name the application's spin.toml with --from"),
            ),
        };
    }
    let here = PathBuf::from(MANIFEST);
    if here.is_file() {
        return Ok(here);
    }
    let executable = std::env::current_exe().and_then(|path| path.canonicalize());
    let above = executable
        .iter()
        .flat_map(|path| path.ancestors().skip(1).take(LEVELS_UP));
    above
        .map(|folder| folder.join(MANIFEST))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Failure::input("there is no spin.toml in this directory or above the executable").help(
                "run the command in the project's directory, or name its spin.toml with --from",
            )
        })
}

/// The WebAssembly files that a manifest names, as paths.
pub fn component_files(manifest: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let text = std::fs::read_to_string(manifest).map_err(|error| error.to_string())?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let components = table.get("component").and_then(toml::Value::as_table);
    let components = components.ok_or("it has no [component.…]")?;
    let file = |(id, component): (&String, &toml::Value)| {
        let source = component.get("source")?.as_str()?;
        Some((id.clone(), folder.join(source)))
    };
    Ok(components.iter().filter_map(file).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op2_components_are_found_beside_their_manifest() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let manifest = folder.path().join(MANIFEST);
        let text =
            "[component.a]\nsource = \"x/a.wasm\"\n[component.b]\nsource = { url = \"u\" }\n";
        std::fs::write(&manifest, text).expect("written");
        let files = component_files(&manifest).expect("read");
        assert_eq!(files, [("a".to_owned(), folder.path().join("x/a.wasm"))]);
        assert_eq!(find_manifest(Some(folder.path())).expect("found"), manifest);
        let message = find_manifest(Some(Path::new("nowhere/spin.toml")))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("nowhere/spin.toml") && message.contains("--from"),
            "{message}"
        );
    }
}
