//! What servers of the registry speak, and how these languages differ (TK8).

use serde::{Deserialize, Serialize};

/// What a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// The uniform interface (TK3).
    #[default]
    Tasks,
    /// One route that answers with the result, or later by the callback.
    Predict,
    Kling,
    Gemini,
    OpenAi,
}

impl Interface {
    pub const ALL: [Self; 5] = [
        Self::Tasks,
        Self::Predict,
        Self::Kling,
        Self::Gemini,
        Self::OpenAi,
    ];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Predict => "predict",
            Self::Kling => "kling",
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
        }
    }

    /// An account at somebody else's service, which costs money.
    pub fn is_account(self) -> bool {
        match self {
            Self::Tasks | Self::Predict => false,
            Self::Kling | Self::Gemini | Self::OpenAi => true,
        }
    }

    /// The answer to a submission may be the result itself, and then takes as long as the work.
    pub fn works_in_the_call(self) -> bool {
        match self {
            Self::Tasks | Self::Kling => false,
            Self::Predict | Self::Gemini | Self::OpenAi => true,
        }
    }

    /// What may be done when nobody knows whether a submission was received.
    pub fn after_lost_answer(self) -> AfterLostAnswer {
        match self {
            Self::Tasks | Self::Predict => AfterLostAnswer::Repeat,
            Self::Kling => AfterLostAnswer::LookUp,
            Self::Gemini | Self::OpenAi => AfterLostAnswer::Nothing,
        }
    }

    /// Several tasks may go out in one call (TK11).
    pub fn takes_batches(self) -> bool {
        self == Self::Predict
    }

    /// Inputs go inside of the request.
    pub fn wants_inline(self) -> bool {
        matches!(self, Self::Gemini | Self::OpenAi)
    }
}

/// How to go on without the answer to a submission (TK7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLostAnswer {
    /// The same key starts nothing twice.
    Repeat,
    /// It is found by our own id.
    LookUp,
    /// Nothing tells whether it was received, nor paid for.
    Nothing,
}
