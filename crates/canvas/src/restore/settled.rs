//! What comes back of the fields that the server writes.

use loro::{LoroValue, ValueOrContainer};

use crate::kinds::Status;
use crate::view::Entry;

/// Fields that do not simply become what they were.
pub const SERVER_FIELDS: [&str; 7] = [
    "src",
    "poster",
    "description",
    "status",
    "error",
    "pendingTask",
    "cost",
];

/// The server's fields of a node as they are to be, by what it is now and what it was.
///
/// - A node with a live task is left to that task.
/// - The same media keep the description that they got since.
/// - A node that asked for media then is idle: nothing is made, or paid for, a second time.
/// - Everything else was settled and comes back.
pub fn settled(is: Option<&Entry>, was: &Entry) -> Vec<(&'static str, LoroValue)> {
    let of_now = |key| is.and_then(|is| is.string(key));
    if of_now("pendingTask").is_some() {
        return Vec::new();
    }
    let src = was.string("src");
    if src.is_some() && src == of_now("src") && was.string("description").is_none() {
        return Vec::new();
    }
    let asked = was.status().asks();
    let status = match asked {
        true => Status::Idle.as_str().into(),
        false => plain(was, "status"),
    };
    let error = match asked {
        true => LoroValue::Null,
        false => plain(was, "error"),
    };
    vec![
        ("src", plain(was, "src")),
        ("poster", plain(was, "poster")),
        ("description", plain(was, "description")),
        ("status", status),
        ("error", error),
    ]
}

fn plain(entry: &Entry, key: &str) -> LoroValue {
    entry
        .get(key)
        .map_or(LoroValue::Null, |value: ValueOrContainer| {
            value.get_deep_value()
        })
}
