//! What a node's generation starts from: its own prompt, and what its incoming edges carry.

use serde::Serialize;

use crate::kinds::{NodeType, Status};
use crate::view::{EdgeView, NodeView};

/// What an input brings, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputAsset {
    /// An asset of the same project, by id.
    Asset(String),
    /// Somewhere else.
    Url(String),
    /// Text of a prompt or script.
    Text(String),
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub role: &'static str,
    /// The node it comes from.
    pub node: String,
    pub asset: InputAsset,
}

/// The media among `inputs` as the column `tasks.inputs` stores them:
/// `[{"role":"image","asset":"<id>"},{"role":"video","url":"http://…"}]`.
/// Texts are not there: they are part of the prompt.
pub fn media_json(inputs: &[Input]) -> String {
    #[derive(Serialize)]
    struct Media<'a> {
        role: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        asset: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<&'a str>,
    }
    let media: Vec<Media<'_>> = inputs
        .iter()
        .filter_map(|input| {
            let (asset, url) = match &input.asset {
                InputAsset::Asset(id) => (Some(id.as_str()), None),
                InputAsset::Url(url) => (None, Some(url.as_str())),
                InputAsset::Text(_) => return None,
            };
            Some(Media {
                role: input.role,
                asset,
                url,
            })
        })
        .collect();
    serde_json::to_string(&media).unwrap_or_else(|_| "[]".to_owned())
}

/// Whether a node's inputs are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inputs {
    Ready(Vec<Input>),
    /// This input still asks for media.
    Waiting(String),
    /// This input failed.
    Failed(String),
}

/// Resolves the inputs of `node` along its incoming edges, in their order. An input that neither
/// has anything nor asks for it (an idle image) carries nothing and holds nothing up.
pub fn resolve(
    node: &str,
    edges: &[EdgeView],
    mut source: impl FnMut(&str) -> Option<NodeView>,
) -> Inputs {
    let mut ready = Vec::new();
    let mut waiting = None;
    for edge in edges.iter().filter(|edge| edge.source != node) {
        let Some(input) = source(&edge.source).filter(|input| !input.deleted) else {
            continue;
        };
        match carried(&input) {
            Some(found) => ready.push(found),
            None if input.status == Status::Failed => return Inputs::Failed(input.id),
            None if input.status.asks() => waiting = waiting.or(Some(input.id)),
            None => {}
        }
    }
    match waiting {
        Some(input) => Inputs::Waiting(input),
        None => Inputs::Ready(ready),
    }
}

/// What a node gives to the nodes behind it.
fn carried(node: &NodeView) -> Option<Input> {
    let (role, asset) = match node.node_type {
        NodeType::Prompt => ("text", text(node.prompt.as_ref().or(node.text.as_ref()))?),
        // A script that is being written again counts only when it is written.
        NodeType::Script if node.status.asks() || node.status == Status::Failed => return None,
        NodeType::Script => ("text", text(node.text.as_ref().or(node.prompt.as_ref()))?),
        NodeType::Image => ("image", media(node)?),
        NodeType::Video => ("video", media(node)?),
        NodeType::Note | NodeType::Group => return None,
    };
    Some(Input {
        role,
        node: node.id.clone(),
        asset,
    })
}

fn text(text: Option<&String>) -> Option<InputAsset> {
    text.cloned().map(InputAsset::Text)
}

/// The node's own `src`, for descriptions.
pub fn media(node: &NodeView) -> Option<InputAsset> {
    let src = node.src.as_deref()?;
    match asset_id(src) {
        Some(id) => Some(InputAsset::Asset(id.to_owned())),
        None => Some(InputAsset::Url(src.to_owned())),
    }
}

/// The id in `/assets/<id>?project=…`: 64 hexadecimal digits (SPEC section 8).
fn asset_id(src: &str) -> Option<&str> {
    let rest = src.strip_prefix("/assets/")?;
    let id = rest.split_once('?').map_or(rest, |(id, _)| id);
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// The role of a node's own media.
pub fn role(node: NodeType) -> &'static str {
    match node {
        NodeType::Video => "video",
        NodeType::Image => "image",
        NodeType::Prompt | NodeType::Script | NodeType::Note | NodeType::Group => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn node(id: &str, node_type: NodeType, status: Status) -> NodeView {
        NodeView {
            id: id.into(),
            node_type,
            status,
            prompt: None,
            text: None,
            params: Map::new(),
            src: None,
            description: None,
            pending_task: None,
            error: None,
            deleted: false,
        }
    }

    #[test]
    fn tk1_what_each_source_carries() {
        let id = "0123456789abcdef".repeat(4);
        let with = |mut node: NodeView, src: Option<&str>, text: Option<&str>| {
            node.src = src.map(str::to_owned);
            node.text = text.map(str::to_owned);
            Some(node)
        };
        let asset = format!("/assets/{id}?project=p1");
        use NodeType::*;
        use Status::*;
        let idle = |node_type| node("s", node_type, Idle);
        for (source, expected) in [
            (
                with(idle(Image), Some(&asset), None),
                format!("ready image asset {id}"),
            ),
            (
                with(idle(Video), Some("http://x/y.mp4"), None),
                "ready video url http://x/y.mp4".into(),
            ),
            (
                with(idle(Image), Some("/assets/../x"), None),
                "ready image url /assets/../x".into(),
            ),
            (
                with(idle(Prompt), None, Some("hello")),
                "ready text text hello".into(),
            ),
            (
                with(idle(Script), None, Some("INT.")),
                "ready text text INT.".into(),
            ),
            (with(idle(Note), None, Some("hello")), "ready".into()),
            (Some(idle(Image)), "ready".into()),
            (Some(node("s", Image, Pending)), "waiting s".into()),
            (Some(node("s", Script, Generating)), "waiting s".into()),
            (
                with(node("s", Script, Pending), None, Some("old")),
                "waiting s".into(),
            ),
            (Some(node("s", Video, Failed)), "failed s".into()),
            (
                with(node("s", Image, Failed), Some(&asset), None),
                format!("ready image asset {id}"),
            ),
            (
                Some(NodeView {
                    deleted: true,
                    ..node("s", Image, Pending)
                }),
                "ready".into(),
            ),
            (None, "ready".into()),
        ] {
            let edge = EdgeView {
                id: "e".into(),
                source: "s".into(),
                target: "n".into(),
                order: 0.0,
            };
            let found = match resolve("n", &[edge], |_| source.clone()) {
                Inputs::Waiting(node) => format!("waiting {node}"),
                Inputs::Failed(node) => format!("failed {node}"),
                Inputs::Ready(inputs) => inputs.iter().fold("ready".to_owned(), |said, input| {
                    let asset = match &input.asset {
                        InputAsset::Asset(id) => format!("asset {id}"),
                        InputAsset::Url(url) => format!("url {url}"),
                        InputAsset::Text(text) => format!("text {text}"),
                    };
                    format!("{said} {} {asset}", input.role)
                }),
            };
            assert_eq!(found, expected, "{source:?}");
        }
    }

    #[test]
    fn tk1_a_node_is_no_input_of_itself() {
        let edge = EdgeView {
            id: "e".into(),
            source: "n".into(),
            target: "n".into(),
            order: 0.0,
        };
        let asks = node("n", NodeType::Image, Status::Pending);
        assert_eq!(
            resolve("n", &[edge], |_| Some(asks.clone())),
            Inputs::Ready(Vec::new())
        );
    }

    #[test]
    fn tk1_media_of_inputs_as_tasks_store_them() {
        let input = |role, asset| Input {
            role,
            node: "n".into(),
            asset,
        };
        let inputs = [
            input("image", InputAsset::Asset("a1".into())),
            input("text", InputAsset::Text("hello".into())),
            input("video", InputAsset::Url("http://x".into())),
        ];
        assert_eq!(
            media_json(&inputs),
            r#"[{"role":"image","asset":"a1"},{"role":"video","url":"http://x"}]"#
        );
    }
}
