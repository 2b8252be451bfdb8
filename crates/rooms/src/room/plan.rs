//! What the node processor does about a room, without reading a large document anew each time.

use std::collections::BTreeSet;

use canvas::Plan;
use canvas::changes::nodes_since;
use loro::VersionVector;

use super::Room;
use crate::RoomsError;

/// What the last complete plan left.
pub(super) struct Planned {
    version: VersionVector,
    /// See [`Plan::looked_at`].
    looked_at: BTreeSet<String>,
}

impl Planned {
    /// Whether a document at `version` holds all that was looked at.
    pub(super) fn is_within(&self, version: &VersionVector) -> bool {
        version.includes_vv(&self.version)
    }
}

impl Room {
    /// Plans a pass over the latest version. After the first, only the nodes that changed and those
    /// that were waiting are read: reading all of 100,000 takes more than half a second.
    pub fn plan(&mut self) -> Result<Plan, RoomsError> {
        let version = self.version();
        let planned = self.planned.take();
        let plan = self.at_latest(|document| {
            let nodes = planned.and_then(|planned| {
                // Looking at an operation costs about as much as looking at a node.
                let most = document.get_map("nodes").len();
                let mut nodes = nodes_since(document, &planned.version, most)?;
                nodes.extend(planned.looked_at);
                Some(nodes)
            });
            match nodes {
                Some(nodes) => canvas::plan_among(document, &nodes),
                None => canvas::plan(document),
            }
        })?;
        self.planned = plan.is_complete.then(|| Planned {
            version,
            looked_at: plan.looked_at.clone(),
        });
        Ok(plan)
    }
}
