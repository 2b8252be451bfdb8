//! A row of the table: one figure of the stack, beside its baselines and what it should be.

use serde_json::{Value, json};

use crate::statistics::Figure;

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Aim {
    AtLeast(f64),
    AtMost(f64),
    P50AtMost(f64),
    P95AtMost(f64),
    P99AtMost(f64),
    CpuAtMost(f64),
    /// Of the first baseline.
    RatioAtLeast(f64),
}

/// A baseline of a row.
#[derive(Debug, Clone)]
pub struct Beside {
    pub name: &'static str,
    /// Or why it cannot do this.
    pub figure: Result<Figure, String>,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub section: &'static str,
    pub what: String,
    pub unit: &'static str,
    pub ours: Figure,
    pub baselines: Vec<Beside>,
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
            baselines: Vec::new(),
            aims: Vec::new(),
        }
    }

    pub fn beside(mut self, name: &'static str, figure: Option<Figure>) -> Self {
        self.baselines.extend(figure.map(|figure| Beside {
            name,
            figure: Ok(figure),
        }));
        self
    }

    pub fn aim(mut self, aim: Aim) -> Self {
        self.aims.push(aim);
        self
    }

    /// To a baseline that has a figure.
    fn ratio(&self, beside: &Beside) -> Option<f64> {
        let baseline = beside.figure.as_ref().ok()?;
        (baseline.value > 0.0).then(|| self.ours.value / baseline.value)
    }

    /// The aim in words, and whether it is met; `None` when there is nothing to judge by.
    fn judged(&self, aim: Aim) -> (String, Option<bool>) {
        let at_most = |name: &str, value: Option<f64>, most| {
            let met = value.map(|value| value <= most);
            (format!("{name}≤ {}", number(most)), met)
        };
        match aim {
            Aim::AtLeast(least) => (
                format!("≥ {}", number(least)),
                Some(self.ours.value >= least),
            ),
            Aim::AtMost(most) => at_most("", Some(self.ours.value), most),
            Aim::P50AtMost(most) => at_most("p50 ", self.ours.p50_ms, most),
            Aim::P95AtMost(most) => at_most("p95 ", self.ours.p95_ms, most),
            Aim::P99AtMost(most) => at_most("p99 ", self.ours.p99_ms, most),
            Aim::CpuAtMost(most) => at_most("CPU ", self.ours.cpu_us, most),
            Aim::RatioAtLeast(least) => {
                let first = self.baselines.first();
                let ratio = first.and_then(|first| self.ratio(first));
                (
                    format!("ratio ≥ {}", number(least)),
                    ratio.map(|ratio| ratio >= least),
                )
            }
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

    /// For while the benchmarks run: a line for the stack and for each baseline.
    pub fn lines(&self) -> String {
        let filled = |cells: &[String; COLUMNS.len()]| {
            let cells = cells.iter().map(String::as_str);
            let filled: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
            format!("  {}", filled.join(" | "))
        };
        let lines: Vec<_> = self.cells().iter().map(filled).collect();
        lines.join("\n  ")
    }

    /// A line of the table for the stack, and one for each baseline.
    pub fn cells(&self) -> Vec<[String; COLUMNS.len()]> {
        let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
        let cells = |what: &str, server: &str, figure: &Figure| {
            [
                what.to_owned(),
                server.to_owned(),
                format!("{} {}", number(figure.value), self.unit),
                optional(figure.p50_ms),
                optional(figure.p95_ms),
                optional(figure.p99_ms),
                optional(figure.cpu_us),
                optional(figure.peak_mb),
                String::new(),
                String::new(),
            ]
        };
        let mut ours = cells(&self.what, "clash", &self.ours);
        ours[COLUMNS.len() - 1] = self.aims_in_words();
        let mut lines = vec![ours];
        for beside in &self.baselines {
            let mut line = match &beside.figure {
                Ok(figure) => cells("", beside.name, figure),
                Err(why) => {
                    let mut line = cells("", beside.name, &Figure::default());
                    line[2] = "fails".to_owned();
                    line[COLUMNS.len() - 1] = format!("fails: {why}");
                    line
                }
            };
            if let Some(ratio) = self.ratio(beside) {
                line[COLUMNS.len() - 2] = format!("{ratio:.2}");
            }
            lines.push(line);
        }
        lines
    }

    /// Whose figure says more about the generator than about the server.
    pub fn limited_by_generator(&self) -> impl Iterator<Item = String> {
        let baselines = self.baselines.iter();
        let besides = baselines.filter_map(|one| Some((one.name, one.figure.as_ref().ok()?)));
        let all = std::iter::once(("clash", &self.ours)).chain(besides);
        let limited = all.filter(|(_, figure)| figure.generator.is_some_and(|share| share > BUSY));
        limited.map(|(server, figure)| {
            let percent = number((figure.generator.unwrap_or_default() * 100.0).round());
            format!(
                "the generator was busy for {percent} % of the time: {}, {server}",
                self.what
            )
        })
    }

    pub fn json(&self) -> Value {
        let figure = |figure: &Figure| {
            json!({
                "value": figure.value,
                "p50_ms": figure.p50_ms,
                "p95_ms": figure.p95_ms,
                "p99_ms": figure.p99_ms,
                "cpu_us": figure.cpu_us,
                "peak_mb": figure.peak_mb,
                "generator_share": figure.generator,
            })
        };
        let aims = self.aims.iter().map(|aim| {
            let (aim, met) = self.judged(*aim);
            json!({"aim": aim, "met": met})
        });
        let baselines = self.baselines.iter().map(|beside| match &beside.figure {
            Ok(measured) => json!({
                "name": beside.name,
                "figure": figure(measured),
                "ratio": self.ratio(beside),
            }),
            Err(why) => json!({"name": beside.name, "fails": why}),
        });
        json!({
            "section": self.section,
            "what": self.what,
            "unit": self.unit,
            "ours": figure(&self.ours),
            "baselines": baselines.collect::<Vec<_>>(),
            "aims": aims.collect::<Vec<_>>(),
        })
    }
}

/// From this share of one processor on the generator limits what it measures.
const BUSY: f64 = 0.9;

/// The columns of the table.
pub const COLUMNS: [&str; 10] = [
    "what", "server", "figure", "p50 ms", "p95 ms", "p99 ms", "CPU µs", "peak MB", "ratio", "aim",
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
