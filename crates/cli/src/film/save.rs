//! Saving what came out, and saying where it is.

use std::path::Path;
use std::time::Duration;

use url::Url;

use super::plan::{Part, Plan};
use super::platform::{self, Platform};
use super::report::{self, FileReport, NodeReport, Report};
use crate::failure::{Failure, Outcome};
use crate::{credentials, duration, state_dir};

/// How long the printed link opens the film.
const LINK_TTL_S: i64 = 86_400;

/// Saves the film and the pictures that are there, also when others failed.
pub async fn save_media(
    platform: &Platform,
    plan: &Plan,
    nodes: &mut [NodeReport],
    out: &Path,
) -> Outcome {
    for (node, entry) in plan.made().zip(nodes) {
        let wanted = matches!(node.part, Part::Picture | Part::Film);
        let Some(src) = entry.src.as_ref().filter(|_| wanted) else {
            continue;
        };
        let download = platform.download(src).await?;
        let name = report::file_name(node.part, node.shot, &download.media_type);
        save(&out.join(&name), &download.bytes)?;
        entry.file = Some(FileReport {
            path: name,
            bytes: download.bytes.len(),
            media_type: download.media_type,
            sha256: download.sha256,
        });
    }
    Ok(())
}

pub fn save(path: &Path, bytes: &[u8]) -> Outcome {
    state_dir::write_atomically(path, bytes)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}

/// Says where the film is, or what failed and what to do.
pub fn conclude(report: &Report, out: &Path, again: &str, secret: Option<&[u8]>) -> Outcome {
    let film = report.nodes.last();
    if let Some((film, file)) = film.and_then(|film| Some((film, film.file.as_ref()?))) {
        let made = match report.nodes.iter().any(|node| node.waited_ms.is_some()) {
            true => duration::show(Duration::from_millis(report.elapsed_ms)),
            false => "an earlier run".into(),
        };
        println!(
            "Film:    {} ({:.1} s, {}), made in {made}",
            out.join(&file.path).display(),
            report.story.duration_s,
            report::size(file.bytes),
        );
        println!(
            "Address: {}",
            address(report, film.src.as_deref().unwrap_or_default(), secret)
        );
    }
    println!("Report:  {}", out.join("report.md").display());
    let failed: Vec<_> = report
        .nodes
        .iter()
        .filter(|node| node.state != "finished")
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = failed
        .iter()
        .take(20)
        .map(|node| {
            format!(
                "\n  {}: {}",
                node.id,
                node.error.as_deref().unwrap_or(node.state)
            )
        })
        .collect();
    let more = if failed.len() > lines.len() {
        "\n  …"
    } else {
        ""
    };
    Err(Failure::failed(format!(
        "{} of {} nodes are not finished:{}{more}",
        failed.len(),
        report.nodes.len(),
        lines.concat()
    ))
    .help(format!(
        "run `{again}` again: what failed is asked for again, what is finished stays"
    )))
}

/// Where the film is on the platform: signed, so that a browser without a token may open it, when
/// the stack's secret is known here.
fn address(report: &Report, src: &str, secret: Option<&[u8]>) -> String {
    let url = Url::parse(&report.url).and_then(|url| url.join(src));
    match (url, secret) {
        (Ok(mut url), Some(secret)) => {
            let exp_s = credentials::now_s() + LINK_TTL_S;
            if let Some(id) = platform::asset_id(&url).map(str::to_owned) {
                let query = identity::asset_link::query(secret, &report.project, &id, exp_s);
                url.set_query(Some(&query));
            }
            format!("{url} (for one day)")
        }
        (Ok(url), None) => format!("{url} (with a token)"),
        (Err(_), _) => src.to_owned(),
    }
}
