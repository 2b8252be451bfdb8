//! What libSQL does not do, put on a rusqlite connection: the same tests run through both, so that
//! nothing is written that works on one of them only.
//!
//! - `changes()` and `last_insert_rowid()` say nothing there (always 0): a statement that asks for
//!   them is refused here, so that nobody can come to rely on them.
//! - Only the first statement of a string runs, as everywhere else; a second one is refused here.
//! - Of the settings of a file only those may be named that a server lets a client name.
//! - Values, statements and answers have a size.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::{Rows, StoreError, Value};

/// A value: some back ends refuse those of about a megabyte.
const VALUE_BYTES: usize = 1_000_000;
/// A statement with its parameters: well under the 10 MB that servers take in one request.
const REQUEST_BYTES: usize = 5_000_000;
/// All rows of an answer: what the server of libSQL sends by default.
const ANSWER_BYTES: usize = 10_000_000;
/// Parameters of a statement: SQLite's own limit.
const PARAMETERS: usize = 32_766;

/// What a client may ask of a server.
const PRAGMAS: [&str; 12] = [
    "data_version",
    "defer_foreign_keys",
    "foreign_key_check",
    "foreign_key_list",
    "foreign_keys",
    "index_info",
    "index_list",
    "integrity_check",
    "page_count",
    "quick_check",
    "table_info",
    "table_list",
];

/// The limits of one connection.
pub(crate) struct Limits;

impl Limits {
    pub(crate) fn put_on(connection: &rusqlite::Connection) -> Self {
        connection.authorizer(Some(authorize));
        Self
    }

    pub(crate) fn check_request(
        &self,
        statement: &str,
        parameters: &[Value],
    ) -> Result<(), StoreError> {
        let largest = parameters.iter().map(Value::size).max().unwrap_or(0);
        let whole = statement.len() + parameters.iter().map(Value::size).sum::<usize>();
        refuse_over("a value", largest, VALUE_BYTES)?;
        refuse_over("a statement with its parameters", whole, REQUEST_BYTES)?;
        match parameters.len() {
            0..=PARAMETERS => Ok(()),
            many => Err(StoreError::Database(format!("{many} parameters"))),
        }
    }

    pub(crate) fn check_answer(&self, rows: &Rows) -> Result<(), StoreError> {
        let largest = rows.values().map(Value::size).max().unwrap_or(0);
        refuse_over("a value", largest, VALUE_BYTES)?;
        let whole = rows.values().map(Value::size).sum();
        refuse_over("an answer", whole, ANSWER_BYTES)
    }
}

fn refuse_over(what: &str, bytes: usize, limit: usize) -> Result<(), StoreError> {
    match bytes <= limit {
        true => Ok(()),
        false => Err(StoreError::Database(format!(
            "{what} has {bytes} bytes, more than {limit}"
        ))),
    }
}

fn authorize(context: AuthContext<'_>) -> Authorization {
    let refused = match context.action {
        AuthAction::Function { function_name } => {
            ["changes", "total_changes", "last_insert_rowid"].contains(&function_name)
        }
        AuthAction::Pragma { pragma_name, .. } => !PRAGMAS.contains(&pragma_name),
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => true,
        _ => false,
    };
    match refused {
        true => Authorization::Deny,
        false => Authorization::Allow,
    }
}
