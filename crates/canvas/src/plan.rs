//! What the node processor does about a whole document.

use std::collections::{BTreeSet, HashMap, HashSet};

use loro::LoroDoc;

use crate::decide::{Step, decide};
use crate::inputs::{self, Inputs};
use crate::kinds::Status;
use crate::view::{Canvas, EdgeView, NodeView};

/// Steps of one pass. More wait for the next: one pass is one transaction, whose time others wait.
pub const STEPS: usize = 256;

/// What to do, in node order.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    pub steps: Vec<(NodeView, Step)>,
    /// False when [`STEPS`] cut the plan short.
    pub is_complete: bool,
    /// The nodes that may need something, now or when their inputs are there: they and those that
    /// change are all that the next plan has to look at.
    pub looked_at: BTreeSet<String>,
}

/// Plans a pass over a document that is checked out at its latest version.
///
/// A failure travels along the edges within one plan: a node fails because its input fails
/// because its own input failed.
pub fn plan(document: &LoroDoc) -> Plan {
    let canvas = Canvas::of(document);
    let candidates = canvas.nodes_to_look_at();
    plan_for(canvas, candidates)
}

/// The same for a document of which only these nodes may need something.
pub fn plan_among(document: &LoroDoc, nodes: &BTreeSet<String>) -> Plan {
    let canvas = Canvas::of(document);
    let candidates = canvas.nodes_to_look_at_among(nodes);
    plan_for(canvas, candidates)
}

fn plan_for(canvas: Canvas, candidates: Vec<NodeView>) -> Plan {
    let incoming = if candidates.iter().any(|node| node.status.asks()) {
        canvas.incoming()
    } else {
        HashMap::new()
    };
    let mut planner = Planner {
        canvas,
        incoming,
        failed: HashSet::new(),
    };
    let mut plan = Plan {
        steps: Vec::new(),
        is_complete: true,
        looked_at: candidates.iter().map(|node| node.id.clone()).collect(),
    };
    let mut left = candidates;
    loop {
        let failed_before = planner.failed.len();
        let mut nothing = Vec::new();
        for node in left {
            match planner.step(&node) {
                Step::Nothing => nothing.push(node),
                step => {
                    if matches!(step, Step::Fail { .. }) {
                        planner.failed.insert(node.id.clone());
                    }
                    plan.steps.push((node, step));
                }
            }
            if plan.steps.len() == STEPS {
                plan.is_complete = false;
                return plan;
            }
        }
        if planner.failed.len() == failed_before {
            return plan;
        }
        left = nothing;
    }
}

struct Planner {
    canvas: Canvas,
    incoming: HashMap<String, Vec<EdgeView>>,
    /// Nodes that this plan fails.
    failed: HashSet<String>,
}

impl Planner {
    fn step(&self, node: &NodeView) -> Step {
        decide(node, || self.inputs(node))
    }
    fn inputs(&self, node: &NodeView) -> Inputs {
        let edges = self.incoming.get(&node.id).map_or(&[][..], Vec::as_slice);
        inputs::resolve(&node.id, edges, |id| {
            let mut source = self.canvas.node(id)?;
            if self.failed.contains(id) {
                source.status = Status::Failed;
            }
            Some(source)
        })
    }
}
