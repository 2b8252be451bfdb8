//! The wire formats of a room, and nothing else: Loro protocol v1 frames between clients and the
//! edge ([`frame`], [`fragment`]), the presence in them ([`presence`]), and room turns between the
//! edge and the application ([`turn`]). Pure functions over bytes: no IO, no clock, no knowledge of what an update means.
//!
//! Every decoder here is total: any bytes give a value or a [`DecodeError`], and nothing is
//! reserved for a count that was not checked against the bytes that are left.

mod code;
pub mod fragment;
pub mod frame;
pub mod ids;
pub mod limits;
pub mod presence;
pub mod turn;
mod wire;

pub use ids::{BatchId, ConnectionId, InvalidId, ProjectId};
pub use wire::{DecodeError, EncodeError};
