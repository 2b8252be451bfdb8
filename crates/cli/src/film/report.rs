//! What came out: `report.json` for programs, `report.md` for people.

use std::time::Duration;

use serde::Serialize;

use super::nodes::{Stage, TaskState};
use super::plan::{Part, Plan};
use super::watch::Watched;
use crate::duration;

#[derive(Debug, Serialize)]
pub struct Report {
    pub story: StoryReport,
    pub project: String,
    pub url: String,
    /// `finished`, or `failed` when any node is.
    pub state: &'static str,
    pub started_at_ms: u64,
    pub ended_at_ms: u64,
    pub elapsed_ms: u64,
    /// How often the room was joined; more than once when a connection was lost.
    pub joins: u32,
    pub nodes: Vec<NodeReport>,
}

#[derive(Debug, Serialize)]
pub struct StoryReport {
    pub file: String,
    pub sha256: String,
    pub shots: usize,
    pub duration_s: f64,
}

#[derive(Debug, Default, Serialize)]
pub struct NodeReport {
    pub id: String,
    pub shot: usize,
    /// `image` or `video`.
    pub r#type: &'static str,
    /// `finished`, `failed`, `cancelled`, `deleted`, `unfinished`.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
    /// From the server's start of the task that made it to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub described_ms: Option<i64>,
    /// How long this run waited for it; absent when it was finished before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileReport>,
}

#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    pub path: String,
    pub bytes: usize,
    pub media_type: String,
    pub sha256: String,
}

/// One entry for each node that the server makes something for.
pub fn nodes(plan: &Plan, watched: &Watched, tasks: &[TaskState]) -> Vec<NodeReport> {
    let entry = |node: &super::plan::Node| {
        let state = watched.states.get(&node.id).cloned().unwrap_or_default();
        let of_node = || {
            tasks
                .iter()
                .rev()
                .filter(|task| task.node == node.id && task.state == "FINISHED")
        };
        let is_description = |task: &&TaskState| task.kind.ends_with("_desc");
        let made = of_node().find(|task| !is_description(task));
        let described = of_node().find(is_description);
        let stage = state.stage();
        NodeReport {
            id: node.id.clone(),
            shot: node.shot,
            r#type: node.part.node_type(),
            state: match &stage {
                Stage::Finished => "finished",
                Stage::Failed(_) => "failed",
                Stage::Deleted => "deleted",
                Stage::Idle => "cancelled",
                Stage::Making | Stage::Describing => "unfinished",
            },
            error: if let Stage::Failed(why) = stage {
                Some(why)
            } else {
                None
            },
            description: state.description,
            src: state.src,
            made_ms: made.and_then(took_ms),
            described_ms: described.and_then(took_ms),
            waited_ms: watched.waited_ms.get(&node.id).copied(),
            provider: made.and_then(|task| task.provider.clone()),
            file: None,
        }
    };
    plan.made().map(entry).collect()
}

fn took_ms(task: &TaskState) -> Option<i64> {
    Some((task.ended_at_ms? - task.started_at_ms?).max(0))
}

impl Report {
    pub fn json(&self) -> Vec<u8> {
        // Plain fields and finite numbers: there is no way to fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub fn markdown(&self) -> String {
        let story = &self.story;
        let mut text = format!(
            "# Film of {}\n\nProject `{}` at {}. {} shots, {:.1} s. Made in {}.\n\n\
             | node | state | made in | described in | size | file |\n| --- | --- | ---: | ---: | ---: | --- |\n",
            story.file,
            self.project,
            self.url,
            story.shots,
            story.duration_s,
            duration::show(Duration::from_millis(self.elapsed_ms)),
        );
        let time = |ms: Option<i64>| {
            let ms = ms.and_then(|ms| u64::try_from(ms).ok());
            ms.map_or_else(String::new, |ms| duration::show(Duration::from_millis(ms)))
        };
        for node in &self.nodes {
            let state = match &node.error {
                Some(error) => format!("{}: {}", node.state, error.replace(['|', '\n'], " ")),
                None => node.state.into(),
            };
            let (size, path) = node.file.as_ref().map_or_else(Default::default, |file| {
                (size(file.bytes), format!("[{0}]({0})", file.path))
            });
            text.push_str(&format!(
                "| {} | {state} | {} | {} | {size} | {path} |\n",
                node.id,
                time(node.made_ms),
                time(node.described_ms),
            ));
        }
        let described: Vec<_> = self
            .nodes
            .iter()
            .filter_map(|node| Some((&node.id, node.description.as_ref()?)))
            .collect();
        if !described.is_empty() {
            text.push_str("\n## Descriptions\n\n");
            for (id, description) in described {
                text.push_str(&format!("- **{id}**: {}\n", description.replace('\n', " ")));
            }
        }
        text
    }
}

/// `950 B`, `12.3 kB`, `3.4 MB`.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The name under which a node's media are saved.
pub fn file_name(part: Part, shot: usize, media_type: &str) -> String {
    let extension = match media_type.split(';').next().unwrap_or_default().trim() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        _ if part == Part::Picture => "png",
        _ => "mp4",
    };
    match part {
        Part::Film => format!("film.{extension}"),
        _ => format!("shot-{shot}.{extension}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wf8_sizes_and_names_are_for_people() {
        for (bytes, text) in [(12, "12 B"), (12_340, "12.3 kB"), (3_400_000, "3.4 MB")] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(file_name(Part::Picture, 3, "image/jpeg"), "shot-3.jpg");
        assert_eq!(file_name(Part::Picture, 3, "image/png; x=y"), "shot-3.png");
        assert_eq!(file_name(Part::Film, 0, "video/mp4"), "film.mp4");
        assert_eq!(file_name(Part::Film, 0, ""), "film.mp4");
    }
}
