//! What lists of tasks are narrowed to, as their queries and bodies say it.

use std::borrow::Cow;

use dispatch::{ErrorClass, Kind, StateName};
use guest::Call;
use problem::{Problem, Slug};
use store::tasks::Only;

/// Read and checked; [`Filters::only`] lends it to the store.
#[derive(Default)]
pub struct Filters {
    pub project: Option<String>,
    pub state: Option<StateName>,
    pub kind: Option<Kind>,
    pub class: Option<ErrorClass>,
    pub node: Option<String>,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

impl Filters {
    /// Of `project`, `state`, `kind`, `class`, `node`, `since_ms` and `until_ms` in the query.
    pub fn of(call: &Call) -> Result<Self, Problem> {
        let text = |name: &str| call.query(name).map(Cow::into_owned);
        let time = |name: &str| {
            let text = call.query(name);
            let wrong = || wrong(format!("{name}: not a time in milliseconds"));
            text.map(|text| text.parse().map_err(|_| wrong()))
                .transpose()
        };
        Ok(Self {
            project: text("project"),
            state: known(text("state"), "state", StateName::parse)?,
            kind: known(text("kind"), "kind", Kind::parse)?,
            class: known(text("class"), "class", ErrorClass::parse)?,
            node: text("node"),
            since_ms: time("since_ms")?,
            until_ms: time("until_ms")?,
        })
    }

    pub fn only(&self) -> Only<'_> {
        Only {
            project: self.project.as_deref(),
            state: self.state.map(StateName::as_str),
            kind: self.kind.map(Kind::as_str),
            class: self.class.map(ErrorClass::as_str),
            node: self.node.as_deref(),
            since_ms: self.since_ms,
            until_ms: self.until_ms,
            ..Only::default()
        }
    }
}

/// A word of a known list.
pub fn known<T>(
    text: Option<String>,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    text.map(|text| parse(&text).ok_or_else(|| wrong(format!("{name}: {text:?} is unknown"))))
        .transpose()
}

fn wrong(what: String) -> Problem {
    Problem::new(Slug::BadRequest, what)
}
