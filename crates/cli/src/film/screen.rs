//! What a person sees while a film is made: bars on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::nodes::{NodeState, Stage};
use super::plan::{Node, Part, Plan};
use crate::duration;

/// More shots than this do not get a line each; a screen has some 24 lines.
const SHOT_LINES: usize = 16;
/// The total bar counts in parts of a node.
const STEPS: u64 = 100;

pub struct Screen {
    started: Instant,
    mode: Mode,
    seen: BTreeMap<String, Stage>,
    link: Option<String>,
}

enum Mode {
    Bars {
        all: MultiProgress,
        shots: Vec<ProgressBar>,
        total: ProgressBar,
    },
    Lines,
}

impl Screen {
    pub fn new(plan: &Plan) -> Self {
        let mode = if std::io::stderr().is_terminal() {
            bars(plan)
        } else {
            Mode::Lines
        };
        Self {
            started: Instant::now(),
            mode,
            seen: BTreeMap::new(),
            link: None,
        }
    }

    /// Shows where every node is, and each change once.
    pub fn show(&mut self, plan: &Plan, states: &BTreeMap<String, NodeState>) {
        let first = self.seen.is_empty();
        for node in plan.made() {
            let stage = states.get(&node.id).map_or(Stage::Idle, NodeState::stage);
            if self.seen.get(&node.id) == Some(&stage) {
                continue;
            }
            // What was so before the watch began is no news.
            if !first || matches!(stage, Stage::Failed(_)) {
                self.tell(node, &stage);
            }
            self.seen.insert(node.id.clone(), stage);
        }
        if let Mode::Bars { shots, total, .. } = &self.mode {
            draw(shots, total, plan, states, self.link.as_deref());
        }
    }

    /// Says when the connection is lost and when it is back.
    pub fn link(&mut self, lost: Option<String>) {
        if self.link.is_some() == lost.is_some() {
            return;
        }
        match &lost {
            Some(reason) => self.say(&format!(
                "the connection is lost ({reason}); joining again …"
            )),
            None => self.say("joined again, going on"),
        }
        self.link = lost;
    }

    pub fn finish(&self) {
        if let Mode::Bars { all, shots, total } = &self.mode {
            for bar in shots {
                bar.abandon();
            }
            total.finish_and_clear();
            let _ = all.clear();
        }
    }

    fn tell(&self, node: &Node, stage: &Stage) {
        let what = match stage {
            // Bars show the way; failures stay readable above them.
            Stage::Failed(why) => format!("failed: {why}"),
            _ if matches!(self.mode, Mode::Bars { .. }) => return,
            Stage::Idle => "was cancelled on the canvas".into(),
            Stage::Making => "is being made".into(),
            Stage::Describing => "is made, and is being described".into(),
            Stage::Finished => "is finished".into(),
            Stage::Deleted => "was taken off the canvas".into(),
        };
        self.say(&format!("{} {what}", name(node)));
    }

    fn say(&self, text: &str) {
        match &self.mode {
            Mode::Bars { all, .. } => drop(all.println(text)),
            Mode::Lines => {
                let elapsed = duration::show(self.started.elapsed());
                eprintln!("[{elapsed:>10}] {text}");
            }
        }
    }
}

/// What people call a node.
pub fn name(node: &Node) -> String {
    match node.part {
        Part::Prompt => format!("the text of shot {}", node.shot),
        Part::Picture => format!("the picture of shot {}", node.shot),
        Part::Clip => format!("the clip of shot {}", node.shot),
        Part::Film => "the film".into(),
    }
}

fn bars(plan: &Plan) -> Mode {
    // These templates are constants; a wrong one falls back to the library's own.
    let style = |template: &str| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    };
    let all = MultiProgress::new();
    let mut shots = Vec::new();
    if plan.shots <= SHOT_LINES {
        for number in 1..=plan.shots {
            let bar = all.add(ProgressBar::no_length());
            bar.set_style(style("  {prefix:<8} {msg}"));
            bar.set_prefix(format!("shot {number}"));
            shots.push(bar);
        }
    }
    let total = all.add(ProgressBar::new(plan.made().count() as u64 * STEPS));
    total.set_style(
        style("  {spinner} [{bar:32}] {percent:>3} %  {elapsed}  {msg}").progress_chars("━╸ "),
    );
    total.enable_steady_tick(Duration::from_millis(120));
    Mode::Bars { all, shots, total }
}

fn draw(
    shots: &[ProgressBar],
    total: &ProgressBar,
    plan: &Plan,
    states: &BTreeMap<String, NodeState>,
    lost: Option<&str>,
) {
    let none = NodeState::default();
    let state = |node: &Node| states.get(&node.id).unwrap_or(&none);
    for (index, bar) in shots.iter().enumerate() {
        let mut parts = Vec::new();
        for node in plan.made().filter(|node| node.shot == index + 1) {
            let part = if node.part == Part::Picture {
                "picture"
            } else {
                "clip"
            };
            parts.push(format!("{part} {:<14}", short(state(node))));
        }
        bar.set_message(parts.join("  "));
    }
    total.set_position(plan.made().map(|node| steps(state(node))).sum());
    let film = plan
        .nodes
        .last()
        .map(|node| short(state(node)))
        .unwrap_or_default();
    total.set_message(match lost {
        Some(_) => "joining again …".to_owned(),
        None => format!("film {film}"),
    });
}

fn short(state: &NodeState) -> String {
    match state.stage() {
        Stage::Idle => "cancelled".into(),
        Stage::Making => match state.progress {
            Some(progress) => format!("making {:.0} %", progress.clamp(0.0, 1.0) * 100.0),
            None if state.pending_task.is_some() => "making".into(),
            None => "waiting".into(),
        },
        Stage::Describing => "describing".into(),
        Stage::Finished => "✓".into(),
        Stage::Failed(_) => "✗".into(),
        Stage::Deleted => "deleted".into(),
    }
}

fn steps(state: &NodeState) -> u64 {
    match state.stage() {
        Stage::Making => (state.progress.unwrap_or(0.0).clamp(0.0, 1.0) * 80.0) as u64,
        Stage::Describing => 85,
        Stage::Idle | Stage::Finished | Stage::Failed(_) | Stage::Deleted => STEPS,
    }
}
