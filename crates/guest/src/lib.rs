//! Spin adapters: the only crate that knows the Spin SDK.
//!
//! Components parse, authorise, decide and save through this crate, so that another SDK (or an
//! older one) can be put below them in one place. It holds no business rule.

pub mod access;
pub mod api;
mod caller;
mod component;
mod database;
pub mod edge;
mod incoming;
mod issuer;
mod outbound;
mod page;
mod request;
mod response;
mod revoked;
mod settings;
mod store_failed;
mod system;
mod version;

pub use api::{Answer, Call};
pub use caller::{authenticate, authenticate_token, bearer, require_service};
pub use component::this_is;
pub use database::Db;
pub use incoming::{Arrived, Request, RequestBody, incoming};
pub use outbound::{
    CallError, Streamed, call, call_component, call_component_within, call_streaming, forward,
};
pub use page::Page;
pub use pastey;
pub use request::{path_segments, query, read_body, read_json};
pub use response::{Body, Response, empty, full, json, respond, streaming};
pub use revoked::{forget_revocations, is_revoked};
pub use settings::{keys, optional_variable, secret, service_token, variable};
pub use spin_sdk;
pub use spin_sdk::http_service;
pub use store_failed::store_failed;
pub use system::{log_error, new_id, now_ms, now_s, random, sleep_ms, spawn, within};
pub use utoipa;
pub use version::{etag, etagged, is_listed, of_version, require_match, require_match_of};
