//! The small vocabularies of frames: kinds of documents, permissions, status codes.

/// What kind of document a room holds: the frame's magic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crdt {
    /// `%LOR`, a Loro document.
    Loro,
    /// `%EPH`, presence.
    Presence,
    /// `%EPS`, presence that is kept.
    StoredPresence,
    /// `%YJS`
    Yjs,
    /// `%YAW`
    YjsAwareness,
    /// `%ELO`, an end-to-end encrypted Loro document.
    EncryptedLoro,
    /// `%FLO`
    Flock,
    /// Four bytes this version has no name for.
    Other([u8; 4]),
}

impl Crdt {
    pub fn from_magic(magic: [u8; 4]) -> Self {
        match &magic {
            b"%LOR" => Self::Loro,
            b"%EPH" => Self::Presence,
            b"%EPS" => Self::StoredPresence,
            b"%YJS" => Self::Yjs,
            b"%YAW" => Self::YjsAwareness,
            b"%ELO" => Self::EncryptedLoro,
            b"%FLO" => Self::Flock,
            _ => Self::Other(magic),
        }
    }

    pub fn magic(self) -> [u8; 4] {
        match self {
            Self::Loro => *b"%LOR",
            Self::Presence => *b"%EPH",
            Self::StoredPresence => *b"%EPS",
            Self::Yjs => *b"%YJS",
            Self::YjsAwareness => *b"%YAW",
            Self::EncryptedLoro => *b"%ELO",
            Self::Flock => *b"%FLO",
            Self::Other(magic) => magic,
        }
    }
}

/// What a member of a room may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    Read,
    Write,
}

/// Declares a one-byte code whose unknown values read as one of its variants, as clients do.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident, unknown = $unknown:ident, $($variant:ident = $value:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($variant = $value),+ }
        impl $name {
            pub fn from_u8(value: u8) -> Self {
                match value { $($value => Self::$variant,)+ _ => Self::$unknown }
            }
            pub fn as_u8(self) -> u8 { self as u8 }
        }
    };
}

code!(
    /// The answer to a batch of updates.
    AckStatus, unknown = Unknown,
    Ok = 0, Unknown = 1, PermissionDenied = 3, InvalidUpdate = 4, TooLarge = 5,
    RateLimited = 6, FragmentTimeout = 7, Application = 0x7f,
);
code!(
    /// Why a join was refused.
    JoinErrorCode, unknown = Unknown,
    Unknown = 0, VersionUnknown = 1, AuthFailed = 2, Application = 0x7f,
);
code!(
    /// Why a member is out of its room (or, with `Rejoin`, should join again).
    RoomErrorCode, unknown = Application,
    Rejoin = 1, Evicted = 2, Application = 0x7f,
);
