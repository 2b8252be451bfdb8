//! The words of the document and of tasks, as enums.

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants have one spelling each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $(#[serde(rename = $word)] $variant),+ }
        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words!(
    /// What a node is.
    NodeType {
        Prompt = "prompt",
        Script = "script",
        Image = "image",
        Video = "video",
        Note = "note",
        Group = "group",
    }
);

words!(
    /// Where a node is on its way to media.
    Status {
        Idle = "idle",
        Pending = "pending",
        Generating = "generating",
        Completed = "completed",
        Fin = "fin",
        Failed = "failed",
    }
);

words!(
    /// What a task does (TK2).
    Kind {
        ImageGen = "image_gen",
        VideoGen = "video_gen",
        ImageDesc = "image_desc",
        VideoDesc = "video_desc",
        TextGen = "text_gen",
        Assemble = "assemble",
    }
);

words!(
    /// The public states of a task (SPEC section 6).
    TaskState {
        Waiting = "WAITING",
        Processing = "PROCESSING",
        Finished = "FINISHED",
        Failed = "FAILED",
        Cancelled = "CANCELLED",
    }
);

impl NodeType {
    /// The node holds media in `src`.
    pub fn is_media(self) -> bool {
        match self {
            Self::Image | Self::Video => true,
            Self::Prompt | Self::Script | Self::Note | Self::Group => false,
        }
    }
}

impl Status {
    /// The node asks for media.
    pub fn asks(self) -> bool {
        match self {
            Self::Pending | Self::Generating => true,
            Self::Idle | Self::Completed | Self::Fin | Self::Failed => false,
        }
    }
}

impl Kind {
    /// What a node of this type asks for; `None` for nodes that are never generated.
    pub fn generation(node: NodeType) -> Option<Self> {
        match node {
            NodeType::Image => Some(Self::ImageGen),
            NodeType::Video => Some(Self::VideoGen),
            NodeType::Script => Some(Self::TextGen),
            NodeType::Prompt | NodeType::Note | NodeType::Group => None,
        }
    }
    /// What describes a node of this type.
    pub fn description(node: NodeType) -> Option<Self> {
        match node {
            NodeType::Image => Some(Self::ImageDesc),
            NodeType::Video => Some(Self::VideoDesc),
            NodeType::Prompt | NodeType::Script | NodeType::Note | NodeType::Group => None,
        }
    }
    pub fn is_description(self) -> bool {
        match self {
            Self::ImageDesc | Self::VideoDesc => true,
            Self::ImageGen | Self::VideoGen | Self::TextGen | Self::Assemble => false,
        }
    }
}
