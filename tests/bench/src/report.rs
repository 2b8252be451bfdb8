//! What was measured: rows for people as one table, and the same as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::statistics::Figure;

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Aim {
    AtLeast(f64),
    AtMost(f64),
    P50AtMost(f64),
    P99AtMost(f64),
    /// Of the baseline.
    RatioAtLeast(f64),
}

#[derive(Debug, Clone)]
pub struct Row {
    pub section: &'static str,
    pub what: String,
    pub unit: &'static str,
    pub ours: Figure,
    /// What it is beside, and its figure.
    pub baseline: Option<(&'static str, Figure)>,
    pub aims: Vec<Aim>,
}

impl Row {
    pub fn new(
        section: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        ours: Figure,
    ) -> Self {
        Self {
            section,
            what: what.into(),
            unit,
            ours,
            baseline: None,
            aims: Vec::new(),
        }
    }

    pub fn beside(mut self, name: &'static str, figure: Option<Figure>) -> Self {
        self.baseline = figure.map(|figure| (name, figure));
        self
    }

    pub fn aim(mut self, aim: Aim) -> Self {
        self.aims.push(aim);
        self
    }

    fn ratio(&self) -> Option<f64> {
        let (_, baseline) = self.baseline.as_ref()?;
        (baseline.value > 0.0).then(|| self.ours.value / baseline.value)
    }

    /// The aim in words, and whether it is met; `None` when there is nothing to judge by.
    fn judged(&self, aim: Aim) -> (String, Option<bool>) {
        match aim {
            Aim::AtLeast(least) => (
                format!("≥ {}", number(least)),
                Some(self.ours.value >= least),
            ),
            Aim::AtMost(most) => (format!("≤ {}", number(most)), Some(self.ours.value <= most)),
            Aim::P50AtMost(most) => (
                format!("p50 ≤ {}", number(most)),
                self.ours.p50_ms.map(|p50| p50 <= most),
            ),
            Aim::P99AtMost(most) => (
                format!("p99 ≤ {}", number(most)),
                self.ours.p99_ms.map(|p99| p99 <= most),
            ),
            Aim::RatioAtLeast(least) => (
                format!("ratio ≥ {}", number(least)),
                self.ratio().map(|ratio| ratio >= least),
            ),
        }
    }

    fn aims_in_words(&self) -> String {
        let words = |aim: &Aim| {
            let (aim, met) = self.judged(*aim);
            let verdict = match met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "not judged",
            };
            format!("{aim}: {verdict}")
        };
        self.aims.iter().map(words).collect::<Vec<_>>().join("; ")
    }

    /// In one line, for while the benchmarks run.
    pub fn line(&self) -> String {
        let cells = self.cells();
        let filled = cells
            .iter()
            .map(String::as_str)
            .filter(|cell| !cell.is_empty());
        filled.collect::<Vec<_>>().join(" | ")
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
        let [p50, p99, cpu] = [self.ours.p50_ms, self.ours.p99_ms, self.ours.cpu_us].map(optional);
        let (name, base) = match &self.baseline {
            Some((name, figure)) => (*name, Some(*figure)),
            None => ("", None),
        };
        let of = |part: fn(&Figure) -> Option<f64>| optional(base.as_ref().and_then(part));
        [
            self.what.clone(),
            format!("{} {}", number(self.ours.value), self.unit),
            p50,
            p99,
            cpu,
            name.to_owned(),
            of(|figure| Some(figure.value)),
            of(|figure| figure.p50_ms),
            of(|figure| figure.p99_ms),
            of(|figure| figure.cpu_us),
            self.ratio()
                .map(|ratio| format!("{ratio:.2}"))
                .unwrap_or_default(),
            self.aims_in_words(),
        ]
    }

    fn json(&self) -> Value {
        let figure = |figure: &Figure| json!({"value": figure.value, "p50_ms": figure.p50_ms, "p99_ms": figure.p99_ms, "cpu_us": figure.cpu_us});
        let aims = self.aims.iter().map(|aim| {
            let (aim, met) = self.judged(*aim);
            json!({"aim": aim, "met": met})
        });
        json!({
            "section": self.section,
            "what": self.what,
            "unit": self.unit,
            "ours": figure(&self.ours),
            "baseline": self.baseline.as_ref().map(|(name, base)| json!({"name": name, "figure": figure(base)})),
            "ratio": self.ratio(),
            "aims": aims.collect::<Vec<_>>(),
        })
    }
}

const COLUMNS: [&str; 12] = [
    "what", "clash", "p50 ms", "p99 ms", "CPU µs", "beside", "its", "p50 ms", "p99 ms", "CPU µs",
    "ratio", "aim",
];

/// About three digits, with thousands apart.
pub fn number(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 && small.fract() != 0.0 => format!("{value:.2}"),
        middle if middle < 100.0 && middle.fract() != 0.0 => format!("{value:.1}"),
        _ => {
            let digits = format!("{:.0}", value.abs());
            let groups: Vec<_> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(String::from_utf8_lossy)
                .collect();
            format!("{}{}", if value < 0.0 { "-" } else { "" }, groups.join(","))
        }
    }
}

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

    pub fn add(&mut self, row: Row) {
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
        let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
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
                    let words = matches!(COLUMNS[column], "what" | "beside" | "aim");
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
        for what in &self.skipped {
            out += &format!("\nskipped: {what}");
        }
        for (section, why) in &self.failures {
            out += &format!("\nFAILED {section}: {why}");
        }
        out
    }

    pub fn write_json(&self, path: &Path) -> Result<()> {
        let facts: serde_json::Map<_, _> = self
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let failures = self
            .failures
            .iter()
            .map(|(section, why)| json!({"section": section, "why": why}));
        let whole = json!({
            "facts": facts,
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "skipped": self.skipped,
            "failures": failures.collect::<Vec<_>>(),
        });
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::write(path, format!("{whole:#}\n")).with_context(|| path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pf1_numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.123, "0.12"),
            (42.18, "42.2"),
            (999.6, "1,000"),
            (1234567.0, "1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
