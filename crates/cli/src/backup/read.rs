//! Reading the file of a backup. Nothing of it is believed: every entry is one that the manifest
//! names, of its size and digest, and none says where anything is to be written.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tar::{Archive, EntryType};

use super::archive::{
    self, ASSETS, Asset, DOCUMENT, FORMAT, HISTORY, Listed, MANIFEST, Manifest, PENDING, VERSIONS,
};
use crate::failure::{Failure, Outcome};

/// A manifest lists an asset in 170 bytes.
const MANIFEST_BYTES: u64 = 64 * 1024 * 1024;
/// An entry that is held in memory: what a platform takes back.
const HELD_BYTES: u64 = 64 * 1024 * 1024;

/// A backup whose every byte was checked. Assets stay in the file.
pub struct Opened {
    pub manifest: Manifest,
    pub document: Vec<u8>,
    pub pending: Option<Vec<u8>>,
    pub versions: Value,
    pub history: Value,
    pub assets: Vec<Asset>,
    /// Ids and sizes of the assets whose bytes are in the file, and where they begin.
    pub bytes: Vec<(String, u64, u64)>,
}

pub fn read(path: &Path) -> Outcome<Opened> {
    let shown = path.display();
    let file = File::open(path)
        .map_err(|error| Failure::input(format!("cannot read the backup {shown}: {error}")))?;
    check(file).map_err(|what| {
        Failure::input(format!("{shown} is not a whole backup: {what}"))
            .help("nothing was restored; take another copy of the file")
    })
}

fn check(file: File) -> Result<Opened, String> {
    let mut archive = Archive::new(BufReader::new(file));
    // Raw: what would change names or sizes of other entries is an entry like any, and refused.
    let entries = archive.entries().map_err(broken)?.raw(true);
    let mut manifest: Option<Manifest> = None;
    let mut held: Vec<(String, Vec<u8>)> = Vec::new();
    let mut bytes = Vec::new();
    let mut at = 0;
    for entry in entries {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (size, begins) = (entry.size(), entry.raw_file_position());
        if entry.header().entry_type() != EntryType::Regular {
            return Err(format!("the entry {name:?} is not a plain file"));
        }
        let Some(manifest) = &manifest else {
            if name != MANIFEST {
                return Err(format!("its first entry is {name:?}, not {MANIFEST}"));
            }
            let text = hold(&mut entry, &name, size, MANIFEST_BYTES)?;
            manifest = Some(read_manifest(&text)?);
            continue;
        };
        let Some(listed) = manifest
            .entries
            .get(at)
            .filter(|listed| listed.name == name)
        else {
            return Err(format!("the manifest does not list {name:?} there"));
        };
        if listed.size != size {
            let wanted = listed.size;
            return Err(format!(
                "{name} has {size} bytes, the manifest says {wanted}"
            ));
        }
        let digest = match archive::asset_id(&name) {
            Some(id) => {
                bytes.push((id.to_owned(), size, begins));
                digest(&mut entry, &name, size)?
            }
            None => {
                let content = hold(&mut entry, &name, size, HELD_BYTES)?;
                let digest = archive::sha256(&content);
                held.push((name.clone(), content));
                digest
            }
        };
        if digest != listed.sha256 {
            return Err(format!(
                "{name} was changed: its digest is not the manifest's"
            ));
        }
        at += 1;
    }
    let manifest = manifest.ok_or("it is empty, or no tar archive")?;
    if let Some(missing) = manifest.entries.get(at) {
        return Err(format!("it ends before {}", missing.name));
    }
    gather(manifest, held, bytes)
}

fn gather(
    manifest: Manifest,
    mut held: Vec<(String, Vec<u8>)>,
    bytes: Vec<(String, u64, u64)>,
) -> Result<Opened, String> {
    let mut take = |name: &str| {
        let at = held.iter().position(|(held, _)| held == name)?;
        Some(held.swap_remove(at).1)
    };
    let mut needed = |name: &str| take(name).ok_or_else(|| format!("it has no {name}"));
    Ok(Opened {
        document: needed(DOCUMENT)?,
        versions: parse(VERSIONS, &needed(VERSIONS)?)?,
        history: parse(HISTORY, &needed(HISTORY)?)?,
        assets: parse(ASSETS, &needed(ASSETS)?)?,
        pending: take(PENDING),
        manifest,
        bytes,
    })
}

/// The manifest, when everything that it lists is what a backup may have, once.
fn read_manifest(text: &[u8]) -> Result<Manifest, String> {
    // A later format may look different altogether.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = parse(MANIFEST, text)?;
    if format != FORMAT {
        return Err(format!(
            "it is of format {format}, this program knows {FORMAT}"
        ));
    }
    let manifest: Manifest = parse(MANIFEST, text)?;
    let mut names = std::collections::HashSet::new();
    for listed in &manifest.entries {
        let Listed { name, sha256, .. } = listed;
        let is_known = match archive::asset_id(name) {
            Some(id) => id == sha256,
            None => [DOCUMENT, PENDING, VERSIONS, HISTORY, ASSETS].contains(&name.as_str()),
        };
        if !is_known || !archive::is_digest(sha256) || !names.insert(name) {
            return Err(format!("the manifest lists {name:?}, which no backup has"));
        }
    }
    Ok(manifest)
}

fn parse<T: for<'de> Deserialize<'de>>(name: &str, text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| format!("{name}: {error}"))
}

/// The whole entry. Nothing is reserved for what a header only promises.
fn hold(entry: &mut impl Read, name: &str, size: u64, most: u64) -> Result<Vec<u8>, String> {
    if size > most {
        return Err(format!(
            "{name} has {size} bytes, over the {most} that it may have"
        ));
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(broken)?;
    match content.len() as u64 == size {
        true => Ok(content),
        false => Err(format!("it ends within {name}")),
    }
}

fn digest(entry: &mut impl Read, name: &str, size: u64) -> Result<String, String> {
    let mut hash = Sha256::new();
    let read = std::io::copy(entry, &mut hash).map_err(broken)?;
    match read == size {
        true => Ok(hex::encode(hash.finalize())),
        false => Err(format!("it ends within {name}")),
    }
}

fn broken(error: std::io::Error) -> String {
    format!("it is no tar archive, or cut off: {error}")
}
