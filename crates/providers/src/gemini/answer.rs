//! Answers of `:generateContent`.

use serde::Deserialize;
use serde_json::Value;

use crate::call::{Usage, failed, text_product};
use crate::failure::{CallFailure, Class, shortened};
use crate::inline::picture;
use crate::report::{Product, Wanted};

/// The reasons to finish that mean that the provider would not
/// (<https://ai.google.dev/api/generate-content#FinishReason>).
const MODERATION: [&str; 8] = [
    "SAFETY",
    "IMAGE_SAFETY",
    "PROHIBITED_CONTENT",
    "IMAGE_PROHIBITED_CONTENT",
    "RECITATION",
    "IMAGE_RECITATION",
    "BLOCKLIST",
    "SPII",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// Of `:predictLongRunning` alone.
    pub name: Option<String>,
    pub error: Option<Value>,
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<PromptFeedback>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
    block_reason_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    inline_data: Option<Blob>,
    thought: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    mime_type: Option<String>,
    data: Option<String>,
}

impl Answer {
    pub(super) fn product(self, wanted: Wanted) -> Result<Product, CallFailure> {
        if let Some(feedback) = self.prompt_feedback
            && let Some(reason) = feedback.block_reason
        {
            let ours = format!("the provider blocked the prompt ({})", shortened(&reason));
            return Err(failed(
                Class::Moderation,
                &ours,
                feedback.block_reason_message.as_deref(),
            ));
        }
        match self.candidates.into_iter().flatten().next() {
            Some(candidate) => candidate.product(wanted),
            None => Err(CallFailure::nonsense("no candidates")),
        }
    }
}

impl Candidate {
    fn product(self, wanted: Wanted) -> Result<Product, CallFailure> {
        let reason = self.finish_reason.as_deref().unwrap_or_default();
        let said = self.finish_message.as_deref();
        // What was made until then is not a result: it breaks off where it became objectionable.
        if MODERATION.contains(&reason) {
            let ours = format!("the provider withheld the result ({reason})");
            return Err(failed(Class::Moderation, &ours, said));
        }
        let parts = self.content.and_then(|content| content.parts);
        let shown = || {
            let parts = parts.iter().flatten();
            parts.filter(|part| part.thought != Some(true))
        };
        let text: String = shown().filter_map(|part| part.text.as_deref()).collect();
        let blob = shown().find_map(|part| part.inline_data.as_ref());
        match (wanted, blob) {
            (Wanted::Media, Some(blob)) => picture(
                blob.data.as_deref().unwrap_or_default(),
                Some(blob.mime_type.as_deref().unwrap_or("of no type")),
            ),
            (Wanted::Text, _) if !text.trim().is_empty() => text_product(&text),
            (Wanted::Media | Wanted::Text, _) => Err(without_result(reason, said.unwrap_or(&text))),
        }
    }
}

/// The call is paid for, and asking the same again would end the same: terminal.
fn without_result(reason: &str, words: &str) -> CallFailure {
    let ours = match reason {
        "NO_IMAGE" => "the model made no picture (NO_IMAGE)".into(),
        "MAX_TOKENS" => {
            "the model used up its tokens before there was a result (MAX_TOKENS)".into()
        }
        "" | "STOP" => "the model answered without a result".into(),
        other => format!("the model ended without a result ({})", shortened(other)),
    };
    failed(Class::Terminal, &ours, Some(words))
}

pub(super) fn usage(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Counted {
        #[serde(rename = "usageMetadata")]
        usage: Value,
    }
    let counted: Counted = serde_json::from_slice(body).ok()?;
    let count = |name: &str| counted.usage[name].as_u64();
    Usage {
        prompt_tokens: count("promptTokenCount"),
        answer_tokens: count("candidatesTokenCount"),
        thought_tokens: count("thoughtsTokenCount"),
        total_tokens: count("totalTokenCount"),
    }
    .counted()
}
