//! History (RM9): versions, what a document was, what differs, going back, and who changed what.
//!
//! None of it is on the way to an ack. What a document was is read in a copy, so that the warm one
//! never leaves its latest version.

mod changes;
mod coverage;
mod difference;
mod fold;
mod log;
mod past;
mod restore;
mod thin;
mod versions;

pub use changes::{Change, Changed};
pub use coverage::Coverage;
pub use difference::{Difference, Field, Item, difference};
pub use fold::{Fold, unfolded};
pub use log::{Entry, Query, history, spans};
pub use past::{Past, past, point_of};
pub use restore::{Restored, restore};
pub use thin::{AUTOMATIC, thin};
pub use versions::{INTERVAL_MS, NAMED, Named, make_due, name};
