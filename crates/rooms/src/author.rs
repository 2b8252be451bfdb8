//! In whose name an edit is made here.

use serde_json::json;

use crate::edit::ACTOR;

/// Who edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    Server,
    /// Somebody who asked for it over HTTP.
    Caller {
        sub: String,
        /// What they say about it; it stays in the history.
        message: Option<String>,
    },
}

impl Author {
    /// Who the log names.
    pub fn actor(&self) -> &str {
        match self {
            Self::Server => ACTOR,
            Self::Caller { sub, .. } => sub,
        }
    }

    /// The commit message, which travels with the edit: `{"actor":"alice","message":"…"}`.
    pub fn commit_message(&self) -> String {
        match self {
            Self::Server => canvas::write::COMMIT_MESSAGE.to_owned(),
            Self::Caller { sub, message: None } => json!({ "actor": sub }).to_string(),
            Self::Caller {
                sub,
                message: Some(message),
            } => json!({ "actor": sub, "message": message }).to_string(),
        }
    }
}
