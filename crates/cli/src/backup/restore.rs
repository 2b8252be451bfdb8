//! `clash restore`.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use super::archive::Body;
use super::client::Client;
use super::read::{Opened, read};
use super::{Target, equal, parse_project};
use crate::failure::{Failure, Outcome};

/// Make a project of a file that `clash backup` wrote
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clash restore demo.tar
  clash restore demo.tar --project demo-2

Every byte of the file is checked before anything is made. The project is made when there is none, and
must not have been written when there is. When it is restored, it is compared with the file.
Under another id, the media on the canvas get the address that they have there.")]
pub struct RestoreArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The id of the project to make [default: the one that was saved]
    #[arg(long, value_name = "ID", value_parser = parse_project)]
    project: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub async fn run(args: RestoreArgs) -> Outcome {
    let path = args.file.clone();
    let opened = tokio::task::spawn_blocking(move || read(&path)).await;
    let opened = opened.map_err(|error| Failure::failed(error.to_string()))??;
    let client = args.target.client()?;
    let saved = &opened.manifest.project;
    let id = match args.project.clone() {
        Some(id) => id,
        None => parse_project(&saved.id)
            .map_err(|error| Failure::input(format!("project id {:?}: {error}", saved.id)))?,
    };
    let is_new = client.make_project(&id, &saved.name).await?;
    let restored = restore(&args, &client, &id, &opened).await;
    if let Err(failure) = restored {
        // Nothing half: what was made for this goes again.
        if is_new && client.delete_project(&id).await.is_err() {
            eprintln!("note: the project {id} was made and could not be removed again");
        }
        return Err(failure);
    }
    println!(
        "{}: project {id} at {}, equal to the backup in version vector and document",
        args.file.display(),
        client.address()
    );
    let missing = opened.assets.len().saturating_sub(opened.bytes.len());
    println!("{} assets uploaded", opened.bytes.len());
    if missing > 0 {
        eprintln!("note: the file names {missing} more assets without their bytes");
    }
    Ok(())
}

/// The assets first: whoever opens the project sees all of it.
async fn restore(args: &RestoreArgs, client: &Client, id: &str, opened: &Opened) -> Outcome {
    for (at, (asset, size, begins)) in opened.bytes.iter().enumerate() {
        let (number, all) = (at + 1, opened.bytes.len());
        eprintln!("asset {number} of {all}: {}", super::size(*size));
        client.upload(id, asset, &args.file, *begins, *size).await?;
    }
    let body = Body {
        format: opened.manifest.format,
        project: opened.manifest.project.clone(),
        made_at_ms: opened.manifest.made_at_ms,
        document: STANDARD.encode(&opened.document),
        pending: opened.pending.as_ref().map(|bytes| STANDARD.encode(bytes)),
        version: opened.manifest.version.clone(),
        versions: opened.versions.clone(),
        history: opened.history.clone(),
        assets: opened.assets.clone(),
    };
    client.restore(id, &body).await?;
    let now: Body = client.get(&format!("/api/projects/{id}/backup")).await?;
    let bytes = |text: &str| STANDARD.decode(text).map_err(|error| error.to_string());
    let compared = bytes(&body.version)
        .and_then(|version| Ok((version, bytes(&now.document)?)))
        .and_then(|(version, restored)| equal::compare(&opened.document, &version, &restored));
    compared
        .map_err(|what| Failure::failed(format!("what was restored is not what was saved: {what}")))
}
