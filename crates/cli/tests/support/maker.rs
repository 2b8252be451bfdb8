//! The maker of the test platform: what the node processor, the tasks and a provider do together.

use std::time::{Duration, Instant};

use loro::{LoroDoc, LoroMap, LoroValue};
use sha2::{Digest, Sha256};

use super::platform::State;
use super::room::Room;

/// One step of one node, as the server's node processor and tasks make them.
enum Step {
    Begin,
    Complete,
    Fail,
    Describe,
}

impl State {
    /// Moves every node by at most one step.
    pub fn make(&mut self) {
        let rooms: Vec<String> = self.rooms.keys().cloned().collect();
        for room in rooms {
            let doc = self.rooms[&room].doc.clone();
            let nodes = doc.get_map("nodes");
            let ids: Vec<String> = nodes.keys().map(|id| id.to_string()).collect();
            for id in ids {
                if let Some(step) = self.next_step(&doc, &id) {
                    self.take(&doc, &room, &id, step);
                }
            }
            doc.commit();
            self.rooms.get_mut(&room).expect("a room").broadcast(None);
        }
        if self
            .faults
            .cut_after
            .is_some_and(|after| self.finished >= after)
        {
            self.faults.cut_after = None;
            self.closed_until = Some(Instant::now() + Duration::from_millis(700));
            self.rooms.values_mut().for_each(Room::cut);
        }
    }

    fn next_step(&self, doc: &LoroDoc, id: &str) -> Option<Step> {
        let node = map(&doc.get_map("nodes"), id);
        let has = |key: &str| text(&node, key).is_some();
        match text(&node, "status")?.as_str() {
            "pending" | "generating" if self.faults.never.contains(id) => None,
            "pending" | "generating" if has("pendingTask") => {
                Some(if self.faults.fail.contains(id) {
                    Step::Fail
                } else {
                    Step::Complete
                })
            }
            "pending" | "generating" if !has("src") => match inputs(doc, id) {
                Inputs::Ready => Some(Step::Begin),
                Inputs::Failed => Some(Step::Fail),
                Inputs::Waiting => None,
            },
            "completed" => Some(Step::Describe),
            _ => None,
        }
    }

    fn take(&mut self, doc: &LoroDoc, room: &str, id: &str, step: Step) {
        let node = map(&doc.get_map("nodes"), id);
        let set = |key: &str, value: LoroValue| node.insert(key, value).expect("written");
        let task = format!("t_{id}");
        match step {
            Step::Begin => {
                set("pendingTask", task.as_str().into());
                set("error", LoroValue::Null);
                let tasks = doc.get_map("tasks");
                let entry = tasks.ensure_mergeable_map(&task).expect("a task");
                for (key, value) in [("node", id), ("kind", "image_gen"), ("state", "PROCESSING")] {
                    entry.insert(key, value).expect("written");
                }
                entry.insert("startedAt", 1_000_i64).expect("written");
            }
            Step::Complete => {
                let is_video = text(&node, "type").as_deref() == Some("video");
                let media_type = if is_video { "video/mp4" } else { "image/png" };
                let bytes = format!("{media_type} of {id}").into_bytes();
                let digest = hex::encode(Sha256::digest(&bytes));
                set("src", format!("/assets/{digest}?project={room}").into());
                set("status", "completed".into());
                set("pendingTask", LoroValue::Null);
                self.assets.insert(digest, (media_type, bytes));
                *self
                    .made
                    .entry((room.to_owned(), id.to_owned()))
                    .or_default() += 1;
                let entry = map(&doc.get_map("tasks"), &task);
                entry.insert("state", "FINISHED").expect("written");
                entry.insert("endedAt", 3_500_i64).expect("written");
            }
            Step::Fail => {
                self.faults.fail.remove(id);
                set("status", "failed".into());
                set("error", "the brush broke".into());
                set("pendingTask", LoroValue::Null);
            }
            Step::Describe => {
                set("description", format!("what {id} shows").into());
                set("status", "fin".into());
                self.finished += 1;
            }
        }
    }
}

enum Inputs {
    Ready,
    Waiting,
    Failed,
}

fn inputs(doc: &LoroDoc, id: &str) -> Inputs {
    let (nodes, edges) = (doc.get_map("nodes"), doc.get_map("edges"));
    let ids: Vec<String> = edges.keys().map(|edge| edge.to_string()).collect();
    for edge in ids.iter().map(|edge| map(&edges, edge)) {
        if text(&edge, "target").as_deref() != Some(id) {
            continue;
        }
        let source = map(&nodes, &text(&edge, "source").expect("a source"));
        match text(&source, "status").as_deref() {
            Some("failed") => return Inputs::Failed,
            Some("pending" | "generating") => return Inputs::Waiting,
            _ => {}
        }
    }
    Inputs::Ready
}

pub fn map(map: &LoroMap, key: &str) -> LoroMap {
    map.get(key)
        .expect("an entry")
        .into_container()
        .expect("a container")
        .into_map()
        .expect("a map")
}

pub fn text(map: &LoroMap, key: &str) -> Option<String> {
    map.get(key)?
        .get_deep_value()
        .into_string()
        .ok()
        .map(|text| text.to_string())
}
