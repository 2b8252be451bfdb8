//! The canvas: a typed, tolerant view of a project's Loro document (SPEC section 5), what the
//! node processor decides about each node, and how the server writes into the document.
//!
//! Pure: no IO, no clock, no randomness. Documents are written by clients, so nothing here trusts
//! a shape: a value of a wrong type reads as absent, and nothing panics.

pub mod changes;
pub mod decide;
pub mod edit;
pub mod effect;
pub mod inputs;
pub mod json;
pub mod kinds;
pub mod moved;
pub mod plan;
pub mod restore;
pub mod retry;
pub mod value;
pub mod view;
pub mod write;

pub use decide::{Step, decide};
pub use edit::Operation;
pub use effect::{Effect, TaskEnd, TaskProgress};
pub use inputs::{InputAsset, Inputs};
pub use kinds::{Kind, NodeType, Status, TaskState};
pub use plan::{Plan, plan, plan_among};
pub use view::{Canvas, EdgeView, NodeView};
