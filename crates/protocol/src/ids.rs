//! Names with a shape: a project (which is also its room), a connection, a batch of updates.

use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a string is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a project id is 1 to 63 of a-z, 0-9 and '-', and does not begin with '-'")]
pub struct InvalidId;

/// A project, and the room of its document: the slug `[a-z0-9][a-z0-9-]{0,62}` (SPEC section 8).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectId(String);

impl ProjectId {
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if Self::is_valid(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId)
        }
    }

    pub fn is_valid(text: &str) -> bool {
        let bytes = text.as_bytes();
        let slug = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        bytes.len() <= limits::PROJECT_ID_BYTES
            && bytes.first().is_some_and(slug)
            && bytes.iter().all(|b| slug(b) || *b == b'-')
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProjectId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if Self::is_valid(&text) {
            Ok(Self(text))
        } else {
            Err(InvalidId)
        }
    }
}

impl std::str::FromStr for ProjectId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
    }
}

impl From<ProjectId> for String {
    fn from(id: ProjectId) -> Self {
        id.0
    }
}

impl AsRef<str> for ProjectId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One connection of one edge. The application only echoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// The sender's name for a batch of updates; its Ack carries the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub [u8; 8]);

impl BatchId {
    pub fn from_u64(number: u64) -> Self {
        Self(number.to_be_bytes())
    }
}

impl fmt::Debug for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rm1_project_ids_are_slugs() {
        for (text, valid) in [
            ("p1", true),
            ("0", true),
            ("my-film-2", true),
            ("a-", true),
            (&"a".repeat(63), true),
            ("", false),
            ("-a", false),
            ("A", false),
            ("a_b", false),
            ("a/b", false),
            ("é", false),
            (&"a".repeat(64), false),
        ] {
            assert_eq!(ProjectId::parse(text).is_ok(), valid, "{text:?}");
        }
    }
}
