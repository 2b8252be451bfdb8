//! What the node processor does about one node: the table of SPEC section 5.

use crate::inputs::{self, Input, Inputs};
use crate::kinds::{Kind, NodeType, Status};
use crate::view::NodeView;

/// Longest prompt that becomes a task, texts of inputs included. Models take far less, and some
/// databases refuse values near a megabyte.
pub const PROMPT_BYTES: usize = 64 * 1024;

/// The same for `params` as JSON, and for the addresses of the inputs.
pub const SETTINGS_BYTES: usize = 64 * 1024;

/// Ids of nodes that become tasks, and of tasks: the bound of the task routes.
pub const ID_BYTES: usize = 128;

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Nothing,
    /// Insert a task, set `pendingTask`, `status: generating`, clear `error`.
    Generate {
        kind: Kind,
        prompt: String,
        inputs: Vec<Input>,
    },
    /// Insert a description task, set `pendingTask`.
    Describe {
        kind: Kind,
        inputs: Vec<Input>,
    },
    /// `status: failed` with this error.
    Fail {
        error: String,
    },
    /// `status: fin`.
    Finish,
    /// Cancel this task, clear `pendingTask`.
    Cancel {
        task: String,
    },
}

/// Decides about `node`. `resolve` is called only when its inputs matter.
pub fn decide(node: &NodeView, resolve: impl FnOnce() -> Inputs) -> Step {
    match (&node.pending_task, node.deleted) {
        // No task of ours has such a name; what there may be is not this node's.
        (Some(task), true) if task.len() > ID_BYTES => return Step::Nothing,
        (Some(task), true) => return Step::Cancel { task: task.clone() },
        (Some(_), false) | (None, true) => return Step::Nothing,
        (None, false) => {}
    }
    match node.status {
        Status::Pending | Status::Generating if node.src.is_none() => generate(node, resolve),
        Status::Completed if node.src.is_some() && node.description.is_some() => Step::Finish,
        Status::Completed if node.src.is_some() && node.error.is_none() => describe(node),
        Status::Idle
        | Status::Pending
        | Status::Generating
        | Status::Completed
        | Status::Fin
        | Status::Failed => Step::Nothing,
    }
}

fn generate(node: &NodeView, resolve: impl FnOnce() -> Inputs) -> Step {
    let Some(kind) = kind(node) else {
        return Step::Nothing;
    };
    let too_long = |what: &str, limit: usize| Step::Fail {
        error: format!("the {what} longer than {limit} bytes"),
    };
    if node.id.len() > ID_BYTES {
        return too_long("node's id is", ID_BYTES);
    }
    match resolve() {
        Inputs::Waiting(_) => Step::Nothing,
        Inputs::Failed(input) => Step::Fail {
            error: format!("input {input} failed"),
        },
        Inputs::Ready(inputs) => {
            let prompt = prompt(node, &inputs);
            if prompt.len() > PROMPT_BYTES {
                return too_long("prompt is", PROMPT_BYTES);
            }
            if json_bytes(&node.params) > SETTINGS_BYTES {
                return too_long("params are", SETTINGS_BYTES);
            }
            if inputs::media_json(&inputs).len() > SETTINGS_BYTES {
                return too_long("addresses of the inputs are", SETTINGS_BYTES);
            }
            Step::Generate {
                kind,
                prompt,
                inputs,
            }
        }
    }
}

fn json_bytes(params: &serde_json::Map<String, serde_json::Value>) -> usize {
    serde_json::to_string(params).map_or(usize::MAX, |text| text.len())
}

fn describe(node: &NodeView) -> Step {
    let media_bytes = node.src.as_ref().map_or(0, String::len);
    if node.id.len() > ID_BYTES || media_bytes > SETTINGS_BYTES {
        return Step::Nothing;
    }
    match (Kind::description(node.node_type), inputs::media(node)) {
        (Some(kind), Some(asset)) => Step::Describe {
            kind,
            inputs: vec![Input {
                role: inputs::role(node.node_type),
                node: node.id.clone(),
                asset,
            }],
        },
        _ => Step::Nothing,
    }
}

/// `params.task` when it names a known kind, else what the type asks for.
pub(crate) fn kind(node: &NodeView) -> Option<Kind> {
    let named = node
        .params
        .get("task")
        .and_then(|word| word.as_str())
        .and_then(Kind::parse);
    match node.node_type {
        NodeType::Image | NodeType::Video | NodeType::Script => {
            named.or_else(|| Kind::generation(node.node_type))
        }
        NodeType::Prompt | NodeType::Note | NodeType::Group => named,
    }
}

/// The node's own prompt, then the texts of its inputs, as paragraphs.
fn prompt(node: &NodeView, inputs: &[Input]) -> String {
    let texts = inputs.iter().filter_map(|input| match &input.asset {
        inputs::InputAsset::Text(text) => Some(text.as_str()),
        inputs::InputAsset::Asset(_) | inputs::InputAsset::Url(_) => None,
    });
    let parts: Vec<&str> = node.prompt.as_deref().into_iter().chain(texts).collect();
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::InputAsset;
    use serde_json::{Value, json};

    /// A node from JSON: only what the case is about.
    fn node(json: Value) -> NodeView {
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        NodeView {
            id: "n1".into(),
            node_type: NodeType::parse(json["type"].as_str().unwrap_or("image")).unwrap(),
            status: Status::parse(json["status"].as_str().unwrap_or("idle")).unwrap(),
            prompt: text("prompt"),
            text: text("text"),
            params: json["params"].as_object().cloned().unwrap_or_default(),
            src: text("src"),
            description: text("description"),
            pending_task: text("pendingTask"),
            error: text("error"),
            deleted: json["deleted"] == json!(true),
        }
    }

    fn word(step: &Step) -> String {
        match step {
            Step::Nothing => "nothing".into(),
            Step::Generate { kind, .. } => format!("generate {}", kind.as_str()),
            Step::Describe { kind, .. } => format!("describe {}", kind.as_str()),
            Step::Fail { error } => format!("fail: {error}"),
            Step::Finish => "finish".into(),
            Step::Cancel { task } => format!("cancel {task}"),
        }
    }

    #[test]
    fn tk1_the_table_of_the_node_processor() {
        let ready = || Inputs::Ready(Vec::new());
        let waiting = || Inputs::Waiting("i1".into());
        let failed = || Inputs::Failed("i1".into());
        for (json, inputs, expected) in [
            (json!({"status":"pending"}), ready(), "generate image_gen"),
            (
                json!({"status":"generating"}),
                ready(),
                "generate image_gen",
            ),
            (
                json!({"status":"pending","type":"video"}),
                ready(),
                "generate video_gen",
            ),
            (
                json!({"status":"pending","type":"script"}),
                ready(),
                "generate text_gen",
            ),
            (
                json!({"status":"pending","type":"prompt"}),
                ready(),
                "nothing",
            ),
            (
                json!({"status":"pending","type":"note"}),
                ready(),
                "nothing",
            ),
            (
                json!({"status":"pending","type":"group"}),
                ready(),
                "nothing",
            ),
            (
                json!({"status":"pending","type":"video","params":{"task":"assemble"}}),
                ready(),
                "generate assemble",
            ),
            (
                json!({"status":"pending","params":{"task":"dance"}}),
                ready(),
                "generate image_gen",
            ),
            (
                json!({"status":"pending","params":{"task":7}}),
                ready(),
                "generate image_gen",
            ),
            (json!({"status":"pending"}), waiting(), "nothing"),
            (
                json!({"status":"pending"}),
                failed(),
                "fail: input i1 failed",
            ),
            (
                json!({"status":"pending","error":"before"}),
                ready(),
                "generate image_gen",
            ),
            (json!({"status":"pending","src":"/x"}), ready(), "nothing"),
            (
                json!({"status":"pending","pendingTask":"t"}),
                ready(),
                "nothing",
            ),
            (
                json!({"status":"pending","deleted":true}),
                ready(),
                "nothing",
            ),
            (
                json!({"status":"generating","pendingTask":"t","deleted":true}),
                ready(),
                "cancel t",
            ),
            (
                json!({"status":"completed","src":"/x"}),
                ready(),
                "describe image_desc",
            ),
            (
                json!({"status":"completed","src":"/x","type":"video"}),
                ready(),
                "describe video_desc",
            ),
            (
                json!({"status":"completed","src":"/x","type":"note"}),
                ready(),
                "nothing",
            ),
            (json!({"status":"completed"}), ready(), "nothing"),
            (
                json!({"status":"completed","src":"/x","error":"no"}),
                ready(),
                "nothing",
            ),
            (
                json!({"status":"completed","src":"/x","pendingTask":"t"}),
                ready(),
                "nothing",
            ),
            (
                json!({"status":"completed","src":"/x","description":"d"}),
                ready(),
                "finish",
            ),
            (
                json!({"status":"completed","src":"/x","description":"d","error":"old"}),
                ready(),
                "finish",
            ),
            (json!({"status":"idle"}), ready(), "nothing"),
            (json!({"status":"fin","src":"/x"}), ready(), "nothing"),
            (json!({"status":"failed"}), ready(), "nothing"),
        ] {
            assert_eq!(
                word(&decide(&node(json.clone()), || inputs)),
                expected,
                "{json}"
            );
        }
    }

    #[test]
    fn tk1_a_prompt_is_the_nodes_own_and_then_those_of_its_inputs() {
        let input = |text: &str| Input {
            role: "text",
            node: "p".into(),
            asset: InputAsset::Text(text.into()),
        };
        let asset = Input {
            role: "image",
            node: "i".into(),
            asset: InputAsset::Asset("a".into()),
        };
        for (own, inputs, expected) in [
            (json!("own"), vec![], "own"),
            (
                json!("own"),
                vec![input("one"), asset.clone(), input("two")],
                "own\n\none\n\ntwo",
            ),
            (json!(null), vec![asset.clone(), input("one")], "one"),
            (json!(null), vec![asset.clone()], ""),
        ] {
            let node = node(json!({"status":"pending","prompt":own}));
            let step = decide(&node, || Inputs::Ready(inputs));
            assert!(
                matches!(&step, Step::Generate { prompt, .. } if prompt == expected),
                "{step:?}"
            );
        }
    }

    #[test]
    fn tk1_a_prompt_that_is_too_long_fails_and_says_so() {
        let node = node(json!({"status":"pending","prompt":"x".repeat(PROMPT_BYTES + 1)}));
        let step = decide(&node, || Inputs::Ready(Vec::new()));
        assert_eq!(word(&step), "fail: the prompt is longer than 65536 bytes");
    }

    #[test]
    fn tk1_what_no_row_can_hold_fails_and_says_so() {
        let ready = |node: &NodeView| decide(node, || Inputs::Ready(Vec::new()));
        let long = json!({"status":"pending","params":{"style":"x".repeat(SETTINGS_BYTES)}});
        let step = ready(&node(long));
        assert_eq!(word(&step), "fail: the params are longer than 65536 bytes");
        let mut named = node(json!({"status":"pending"}));
        named.id = "n".repeat(ID_BYTES + 1);
        assert_eq!(
            word(&ready(&named)),
            "fail: the node's id is longer than 128 bytes"
        );
        let far = Input {
            role: "image",
            node: "a".into(),
            asset: InputAsset::Url("http://x/".to_owned() + &"x".repeat(SETTINGS_BYTES)),
        };
        let step = decide(&node(json!({"status":"pending"})), || {
            Inputs::Ready(vec![far])
        });
        assert_eq!(
            word(&step),
            "fail: the addresses of the inputs are longer than 65536 bytes"
        );
    }
}
