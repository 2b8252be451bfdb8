//! Task kinds (TK2).

use serde::{Deserialize, Serialize};

/// What a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    ImageGen,
    VideoGen,
    ImageDesc,
    VideoDesc,
    TextGen,
    Assemble,
}

/// What a finished task of a kind gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yield {
    Image,
    Video,
    Text,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::ImageGen,
        Self::VideoGen,
        Self::ImageDesc,
        Self::VideoDesc,
        Self::TextGen,
        Self::Assemble,
    ];
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageGen => "image_gen",
            Self::VideoGen => "video_gen",
            Self::ImageDesc => "image_desc",
            Self::VideoDesc => "video_desc",
            Self::TextGen => "text_gen",
            Self::Assemble => "assemble",
        }
    }
    pub fn yields(self) -> Yield {
        match self {
            Self::ImageGen => Yield::Image,
            Self::VideoGen | Self::Assemble => Yield::Video,
            Self::ImageDesc | Self::VideoDesc | Self::TextGen => Yield::Text,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
