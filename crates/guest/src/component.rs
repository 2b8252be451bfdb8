//! Which component this is: service tokens are for one component each, so it must know its name.

use std::cell::Cell;

use problem::{Problem, Slug};

thread_local! {
    static NAME: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Said by a component's entry, before anything else.
pub fn this_is(name: &'static str) {
    NAME.set(Some(name));
}

/// The name of this component in the manifest.
pub(crate) fn this_component() -> Result<&'static str, Problem> {
    NAME.get()
        .ok_or_else(|| Problem::new(Slug::Internal, "the component does not know its own name"))
}
