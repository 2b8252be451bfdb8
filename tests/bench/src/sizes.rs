//! Sizes of what is installed: the binary, and the components that the manifest names.

use std::path::Path;

use anyhow::{Context, Result};

use crate::Bench;
use crate::report::{Report, Row};
use crate::statistics::Figure;

pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let row = |what: String, mb: f64| Row::new("sizes", what, "MB", Figure::of(mb));
    report.add(row("binary clash".to_owned(), megabytes(&bench.clash)?));
    let manifest = std::fs::read_to_string(bench.root.join("spin.toml")).context("spin.toml")?;
    let manifest: toml::Table = toml::from_str(&manifest)?;
    let components = manifest
        .get("component")
        .and_then(toml::Value::as_table)
        .context("no components")?;
    for (name, component) in components {
        let Some(source) = component.get("source").and_then(toml::Value::as_str) else {
            continue;
        };
        report.add(row(
            format!("component {name}"),
            megabytes(&bench.root.join(source))?,
        ));
    }
    Ok(())
}

fn megabytes(path: &Path) -> Result<f64> {
    let bytes = std::fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .len();
    Ok(bytes as f64 / 1e6)
}
