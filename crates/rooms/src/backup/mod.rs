//! A room to take away, and a room made of one (RM14).

mod check;
mod give;
mod take;

pub use check::{Checked, Wrong, check};
pub use give::give;
pub use take::{Taken, take};

use store::history::Span;
use store::versions::Version;

/// All of a room. Tasks are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The document with its whole history, as a Loro snapshot.
    pub document: Vec<u8>,
    /// Updates that wait for their dependencies, which no snapshot holds.
    pub pending: Option<Vec<u8>>,
    /// The version vector of the document, as Loro encodes it.
    pub version: Vec<u8>,
    pub versions: Vec<Version>,
    /// Who wrote what.
    pub spans: Vec<Span>,
}
