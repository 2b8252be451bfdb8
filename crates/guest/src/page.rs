//! Pages of long lists: a cursor says where the next one begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use problem::{Problem, Slug};
use store::Cursor;

use crate::Call;

/// Rows of a page when nobody says how many, and the most that may be asked for.
const LIMIT: i64 = 100;
const MOST: i64 = 1_000;

/// What a caller wants to see of a list.
pub struct Page {
    pub limit: i64,
    pub cursor: Option<Cursor>,
}

impl Page {
    /// Reads `limit` and `cursor` of the query.
    pub fn of(call: &Call) -> Result<Self, Problem> {
        let wrong = |what: String| Problem::new(Slug::BadRequest, what);
        let limit = match call.query("limit") {
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| wrong(format!("limit: 1 to {MOST}")))?,
            None => LIMIT,
        };
        let cursor = match call.query("cursor") {
            Some(text) => {
                let cursor = decode(&text);
                Some(cursor.ok_or_else(|| wrong("cursor: not one of ours".into()))?)
            }
            None => None,
        };
        Ok(Self { limit, cursor })
    }

    /// Cuts `limit + 1` rows to a page; one row more means that another page follows.
    pub fn cut<T>(
        &self,
        mut rows: Vec<T>,
        place: impl Fn(&T) -> Cursor,
    ) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| has_more);
        let next = last.map(|row| encode(&place(row)));
        (rows, next)
    }

    /// A place as callers get it.
    pub fn cursor(place: &Cursor) -> String {
        encode(place)
    }
}

fn encode((at_ms, id): &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{at_ms} {id}"))
}

fn decode(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (at_ms, id) = std::str::from_utf8(&bytes).ok()?.split_once(' ')?;
    Some((at_ms.parse().ok()?, id.to_owned()))
}
