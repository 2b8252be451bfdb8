//! What is in the file: a tar archive whose first entry, `manifest.json`, names all others with
//! their sizes and digests, in their order.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// The format that is written and read.
pub const FORMAT: u32 = 1;
pub const MANIFEST: &str = "manifest.json";
pub const DOCUMENT: &str = "document.loro";
pub const PENDING: &str = "pending.loro";
pub const VERSIONS: &str = "versions.json";
pub const HISTORY: &str = "history.json";
pub const ASSETS: &str = "assets.json";
const ASSET_FOLDER: &str = "assets/";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    pub made_at_ms: i64,
    pub project: Project,
    /// The document's version vector, in base64.
    pub version: String,
    pub entries: Vec<Listed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    pub id: String,
    pub name: String,
    pub created_at_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    pub name: String,
    pub size: u64,
    pub sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// The sha256 of its bytes.
    pub id: String,
    pub media_type: String,
    pub size: u64,
}

/// A backup as the platform gives and takes it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Body {
    pub format: u32,
    pub project: Project,
    pub made_at_ms: i64,
    pub document: String,
    pub pending: Option<String>,
    pub version: String,
    pub versions: Value,
    pub history: Value,
    pub assets: Vec<Asset>,
}

pub fn asset_name(id: &str) -> String {
    format!("{ASSET_FOLDER}{id}")
}

/// The id of an asset's entry.
pub fn asset_id(name: &str) -> Option<&str> {
    let id = name.strip_prefix(ASSET_FOLDER)?;
    is_digest(id).then_some(id)
}

pub fn is_digest(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Adds an entry.
pub fn append(
    archive: &mut Builder<impl Write>,
    name: &str,
    size: u64,
    at_ms: i64,
    bytes: impl Read,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(u64::try_from(at_ms / 1_000).unwrap_or_default());
    archive.append_data(&mut header, name, bytes)
}
