//! `spin:key-value`: stores in SQLite files, in the table that Spin itself uses.

mod host;
mod store;

pub(crate) use crate::bindings::key_value::Error;
pub use host::Store;
pub(crate) use store::Backend;
