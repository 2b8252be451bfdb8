//! What was measured: rows for people as one table, and the same as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::row::COLUMNS;
pub use crate::row::{Aim, Beside, Row, number};

#[derive(Debug)]
pub struct Report {
    /// Facts about the machine and the versions: name and value.
    facts: Vec<(&'static str, String)>,
    pub rows: Vec<Row>,
    skipped: Vec<String>,
    pub failures: Vec<(String, String)>,
}

impl Report {
    pub fn new(facts: Vec<(&'static str, String)>) -> Self {
        for (name, value) in &facts {
            eprintln!("{name}: {value}");
        }
        Self {
            facts,
            rows: Vec::new(),
            skipped: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Also says it, for those who wait.
    pub fn add(&mut self, row: Row) {
        eprintln!("{}", row.lines());
        self.rows.push(row);
    }

    /// Something that could not be compared, without being a failure of ours.
    pub fn skip(&mut self, what: String) {
        eprintln!("skipped: {what}");
        self.skipped.push(what);
    }

    pub fn fail(&mut self, section: &str, error: &anyhow::Error) {
        eprintln!("FAILED {section}: {error:#}");
        self.failures
            .push((section.to_owned(), format!("{error:#}")));
    }

    pub fn table(&self) -> String {
        let rows: Vec<_> = self.rows.iter().flat_map(Row::cells).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells
                .chain([COLUMNS[column].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    // Words to the left, numbers to the right.
                    let words = matches!(COLUMNS[column], "what" | "server" | "aim");
                    if words {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                });
            format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
        };
        let mut out = String::from("\n");
        for (name, value) in &self.facts {
            out += &format!("{name}: {value}\n");
        }
        out += "\n";
        out += &line(&COLUMNS.map(str::to_owned));
        out += &line(
            &widths
                .iter()
                .map(|width| "-".repeat(*width))
                .collect::<Vec<_>>(),
        );
        for row in &rows {
            out += &line(row);
        }
        for note in self.rows.iter().flat_map(Row::limited_by_generator) {
            out += &format!("\n{note}");
        }
        for what in &self.skipped {
            out += &format!("\nskipped: {what}");
        }
        for (section, why) in &self.failures {
            out += &format!("\nFAILED {section}: {why}");
        }
        out
    }

    /// All of it as JSON.
    pub fn json(&self) -> Value {
        let facts: serde_json::Map<_, _> = self
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let failures = self
            .failures
            .iter()
            .map(|(section, why)| json!({"section": section, "why": why}));
        json!({
            "facts": facts,
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "skipped": self.skipped,
            "failures": failures.collect::<Vec<_>>(),
        })
    }

    pub fn write_json(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let text = format!("{:#}\n", self.json());
        std::fs::write(path, text).with_context(|| path.display().to_string())
    }
}
