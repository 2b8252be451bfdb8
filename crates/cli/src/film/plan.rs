//! From a story to the nodes and edges of its film. Pure, and the same each time, so that running
//! again finds what is there.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use story::{Shot, Story};

/// The node of the finished film.
pub const FILM: &str = "film";

/// Space between two columns and two rows of nodes, in canvas units.
const COLUMN: f64 = 380.0;
const ROW: f64 = 280.0;

/// What a node is in the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Prompt,
    Picture,
    Clip,
    Film,
}

impl Part {
    /// The `type` of the node in the document.
    pub fn node_type(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Picture => "image",
            Self::Clip | Self::Film => "video",
        }
    }

    /// Whether the server makes something for it.
    pub fn is_made(self) -> bool {
        self != Self::Prompt
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub id: String,
    pub part: Part,
    /// Counted from 1; 0 for the film itself.
    pub shot: usize,
    pub title: String,
    pub prompt: Option<String>,
    pub params: Value,
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    pub id: String,
    pub source: String,
    pub target: String,
    pub role: &'static str,
    pub order: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Tells one story from another: the SHA-256 of its shots.
    pub fingerprint: String,
    pub shots: usize,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

impl Plan {
    pub fn new(title: &str, story: &Story) -> Self {
        let mut plan = Self {
            fingerprint: fingerprint(story),
            shots: story.shots.len(),
            nodes: Vec::with_capacity(story.shots.len() * 3 + 1),
            edges: Vec::with_capacity(story.shots.len() * 3),
        };
        for (index, shot) in story.shots.iter().enumerate() {
            plan.add_shot(index + 1, shot);
        }
        plan.nodes.push(Node {
            id: FILM.into(),
            part: Part::Film,
            shot: 0,
            title: title.into(),
            prompt: None,
            params: json!({ "task": "assemble", "story": plan.fingerprint }),
            x: COLUMN * 3.0,
            y: ROW * (story.shots.len() - 1) as f64 / 2.0,
            w: 480.0,
            h: 270.0,
        });
        plan
    }

    /// The nodes that the server makes something for.
    pub fn made(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.part.is_made())
    }

    fn add_shot(&mut self, number: usize, shot: &Shot) {
        let id = |part: &str| format!("shot-{number}-{part}");
        let (prompt, picture, clip) = (id("prompt"), id("image"), id("video"));
        let y = ROW * (number - 1) as f64;
        let mut node = |id: &str, part: Part, column: f64, text: Option<String>, params: Value| {
            let title = match part {
                Part::Prompt => format!("{}, shot {}", shot.scene, shot.shot),
                Part::Picture => format!("Picture {}", shot.shot),
                _ => format!("Clip {}", shot.shot),
            };
            let (id, x) = (id.to_owned(), COLUMN * column);
            self.nodes.push(Node {
                id,
                part,
                shot: number,
                title,
                prompt: text,
                params,
                x,
                y,
                w: 320.0,
                h: 180.0,
            });
        };
        node(
            &prompt,
            Part::Prompt,
            0.0,
            Some(description(shot)),
            Value::Null,
        );
        let picture_params = without_nulls(json!({
            "width": 1280, "height": 720, "shot_size": shot.shot_size, "lighting": shot.lighting,
        }));
        node(&picture, Part::Picture, 1.0, None, picture_params);
        let clip_params = without_nulls(json!({
            "duration_s": shot.duration_s, "camera_move": shot.camera_move,
            "transition": shot.transition, "dialogue": shot.dialogue, "sound": shot.sound,
        }));
        node(&clip, Part::Clip, 2.0, None, clip_params);

        let mut edge = |from: &str, to: &str, role: &'static str, order: usize| {
            let id = format!("{from}>{to}");
            let order = u32::try_from(order).unwrap_or(u32::MAX);
            self.edges.push(Edge {
                id,
                source: from.into(),
                target: to.into(),
                role,
                order,
            });
        };
        edge(&prompt, &picture, "prompt", 0);
        edge(&picture, &clip, "image", 0);
        edge(&clip, FILM, "video", number);
    }
}

/// What the picture shows, as one text.
fn description(shot: &Shot) -> String {
    let mut text = String::new();
    if let Some(size) = &shot.shot_size {
        text.push_str(&format!("{} shot: ", size.replace('-', " ")));
    }
    text.push_str(shot.description.trim_end_matches('.'));
    text.push('.');
    if let Some(lighting) = &shot.lighting {
        text.push_str(&format!(" Light: {lighting}."));
    }
    text
}

fn fingerprint(story: &Story) -> String {
    // Serialising plain strings and finite numbers has no way to fail.
    let bytes = serde_json::to_vec(story).unwrap_or_default();
    hex::encode(Sha256::digest(bytes))
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

/// A project id from a file's name: `My Story (2).csv` → `my-story-2`.
pub fn project_id(stem: &str) -> String {
    let words = stem
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let id = words
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("-");
    // Room for a suffix in the 63 bytes of an id.
    let id = id
        .get(..id.len().min(56))
        .unwrap_or_default()
        .trim_end_matches('-');
    if id.is_empty() {
        "film".into()
    } else {
        id.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        Plan::new(
            "T",
            &story::read_csv("t.csv", text.as_bytes()).expect("a good story"),
        )
    }

    #[test]
    fn wf1_a_shot_becomes_a_prompt_a_picture_and_a_clip_for_the_film() {
        let plan = plan(
            "description,shot_size,camera_move,duration_s\nA boat,CU,pan left,3\nThe sea,,,4\n",
        );
        let ids: Vec<_> = plan.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "shot-1-prompt",
                "shot-1-image",
                "shot-1-video",
                "shot-2-prompt",
                "shot-2-image",
                "shot-2-video",
                "film",
            ]
        );
        let edges: Vec<_> = plan
            .edges
            .iter()
            .map(|e| format!("{} {} {} {}", e.source, e.target, e.role, e.order))
            .collect();
        assert_eq!(
            edges,
            [
                "shot-1-prompt shot-1-image prompt 0",
                "shot-1-image shot-1-video image 0",
                "shot-1-video film video 1",
                "shot-2-prompt shot-2-image prompt 0",
                "shot-2-image shot-2-video image 0",
                "shot-2-video film video 2",
            ]
        );
        assert_eq!(
            plan.nodes[0].prompt.as_deref(),
            Some("close up shot: A boat.")
        );
        assert_eq!(
            plan.nodes[1].params,
            json!({"width": 1280, "height": 720, "shot_size": "close-up"})
        );
        assert_eq!(
            plan.nodes[2].params,
            json!({"duration_s": 3.0, "camera_move": "pan-left"})
        );
        assert_eq!(plan.nodes[6].params["task"], "assemble");
        assert_eq!(plan.made().count(), 5);
    }

    #[test]
    fn wf1_a_fingerprint_tells_stories_apart_and_not_their_files() {
        let one = plan("description\nA boat\n");
        let spelt_otherwise = plan("\u{feff}Action;Duration (s)\r\nA boat;4\r\n");
        let other = plan("description\nA ship\n");
        assert_eq!(one.fingerprint, spelt_otherwise.fingerprint);
        assert_ne!(one.fingerprint, other.fingerprint);
    }

    #[test]
    fn wf1_project_ids_come_from_file_names() {
        for (stem, id) in [
            ("story", "story"),
            ("My Story (2)", "my-story-2"),
            ("Été", "t"),
            ("物語", "film"),
            ("--", "film"),
            (
                &"long ".repeat(30),
                "long-long-long-long-long-long-long-long-long-long-long-l",
            ),
        ] {
            assert_eq!(project_id(stem), id, "{stem}");
            assert!(protocol::ProjectId::is_valid(&project_id(stem)), "{stem}");
        }
    }
}
