//! `clash backup`.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;
use tar::Builder;
use tempfile::NamedTempFile;

use super::archive::{self, Body, FORMAT, Listed, Manifest};
use super::client::{Client, disk};
use super::{Target, parse_project, size};
use crate::failure::{Failure, Outcome};

/// Save a project in one file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clash backup --project demo --assets --out demo.tar
  clash backup --project demo --out demo.tar --url http://studio.local:8788 --token \"$TOKEN\"

The file is a tar archive: manifest.json with the digest of every other entry, document.loro (the
document with its whole history), versions.json, history.json (who wrote what), assets.json and, with
--assets, the bytes of every asset. Tasks and members are not in it.")]
pub struct BackupArgs {
    /// The project
    #[arg(long, value_name = "ID", value_parser = parse_project)]
    project: String,
    /// The file to write; there must be none yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// With the bytes of the project's assets
    #[arg(long)]
    assets: bool,
    #[command(flatten)]
    target: Target,
}

pub async fn run(args: BackupArgs) -> Outcome {
    if args.out.exists() {
        return Err(
            Failure::input(format!("{} is there already", args.out.display()))
                .help("choose another file with --out, or remove this one"),
        );
    }
    let folder = match args.out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let client = args.target.client()?;
    let body: Body = client
        .get(&format!("/api/projects/{}/backup", args.project))
        .await?;
    if body.format != FORMAT {
        return Err(Failure::failed(format!(
            "the platform writes backups of format {}, this program knows {FORMAT}",
            body.format
        ))
        .help("use the program that came with the platform"));
    }
    let file = NamedTempFile::new_in(folder).map_err(disk)?;
    let assets = if args.assets { body.assets.len() } else { 0 };
    let mut archive = Builder::new(BufWriter::new(file));
    write(&mut archive, &body, assets)?;
    for (at, asset) in body.assets.iter().take(assets).enumerate() {
        eprintln!("asset {} of {assets}: {}", at + 1, size(asset.size));
        let mut bytes = tempfile::tempfile_in(folder).map_err(disk)?;
        fetch(&client, &args.project, asset, &bytes).await?;
        bytes.rewind().map_err(disk)?;
        let name = archive::asset_name(&asset.id);
        archive::append(&mut archive, &name, asset.size, body.made_at_ms, bytes).map_err(disk)?;
    }
    let file = archive.into_inner().map_err(disk)?;
    let file = file
        .into_inner()
        .map_err(|error| disk(error.into_error()))?;
    file.as_file().sync_all().map_err(disk)?;
    let written = file.as_file().metadata().map_err(disk)?.len();
    file.persist_noclobber(&args.out)
        .map_err(|error| disk(error.error))?;
    println!(
        "{}: project {} of {}, {} versions, {assets} of {} assets, {}",
        args.out.display(),
        args.project,
        client.address(),
        body.versions.as_array().map_or(0, Vec::len),
        body.assets.len(),
        size(written),
    );
    Ok(())
}

async fn fetch(client: &Client, project: &str, asset: &archive::Asset, to: &File) -> Outcome {
    let to = to.try_clone().map_err(disk)?;
    client.download(project, asset, to).await
}

/// Writes everything but the assets' bytes, which the manifest lists already.
fn write(archive: &mut Builder<impl Write>, body: &Body, assets: usize) -> Outcome {
    let bytes = |what: &str, text: &str| {
        STANDARD
            .decode(text)
            .map_err(|error| Failure::failed(format!("{what} of the answer: {error}")))
    };
    let mut entries = vec![(archive::DOCUMENT, bytes("document", &body.document)?)];
    if let Some(pending) = &body.pending {
        entries.push((archive::PENDING, bytes("pending", pending)?));
    }
    entries.push((archive::VERSIONS, json(&body.versions)?));
    entries.push((archive::HISTORY, json(&body.history)?));
    entries.push((archive::ASSETS, json(&body.assets)?));
    let mut listed: Vec<Listed> = entries
        .iter()
        .map(|(name, bytes)| Listed {
            name: (*name).to_owned(),
            size: bytes.len() as u64,
            sha256: archive::sha256(bytes),
        })
        .collect();
    listed.extend(body.assets.iter().take(assets).map(|asset| Listed {
        name: archive::asset_name(&asset.id),
        size: asset.size,
        sha256: asset.id.clone(),
    }));
    let manifest = Manifest {
        format: FORMAT,
        made_at_ms: body.made_at_ms,
        project: body.project.clone(),
        version: body.version.clone(),
        entries: listed,
    };
    entries.insert(0, (archive::MANIFEST, json(&manifest)?));
    for (name, bytes) in entries {
        let size = bytes.len() as u64;
        archive::append(archive, name, size, body.made_at_ms, bytes.as_slice()).map_err(disk)?;
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Outcome<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Failure::failed(error.to_string()))
}
