//! Which statements want the write lock, told from their words alone.
//!
//! The answer only decides whether a statement queues before it runs. A statement that is taken
//! for a reader although it writes still gets its lock from SQLite, and one that is taken for a
//! writer although it reads waits a little longer: neither is wrong.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Takes no write lock.
    Read,
    /// Takes the write lock without changing rows itself.
    Lock,
    /// Inserts, updates or deletes rows.
    Change,
}

pub(super) fn access(sql: &str) -> Access {
    let mut words = words(sql);
    let Some(first) = words.next() else {
        return Access::Read;
    };
    let is = |word: &str, names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
    const CHANGES: [&str; 4] = ["insert", "update", "delete", "replace"];
    const SCHEMA: [&str; 6] = ["create", "drop", "alter", "reindex", "vacuum", "analyze"];
    if is(first, &CHANGES) || is(first, &["with"]) && words.by_ref().any(|word| is(word, &CHANGES))
    {
        return Access::Change;
    }
    // A deferred transaction takes no lock yet; it must not queue when it does, because it may
    // hold a read lock that the writer before it waits for.
    let begins = is(first, &["begin"])
        && words
            .take(2)
            .any(|word| is(word, &["immediate", "exclusive"]));
    if begins || is(first, &SCHEMA) {
        Access::Lock
    } else {
        Access::Read
    }
}

/// The words of a statement, without comments. Quoted text is not told apart; it can only make a
/// reader look like a writer.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| !is_word(c) && c != '-' && c != '/');
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else if let Some(other) = rest.strip_prefix(['-', '/']) {
                rest = other;
            } else if rest.is_empty() {
                return None;
            } else {
                let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                return Some(word);
            }
        }
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op2_writers_are_told_from_readers() {
        let cases = [
            ("SELECT 1", Access::Read),
            ("  -- insert\n select * from a", Access::Read),
            ("/* update */ SELECT 1", Access::Read),
            ("BEGIN", Access::Read),
            ("BEGIN DEFERRED", Access::Read),
            ("begin immediate", Access::Lock),
            ("BEGIN EXCLUSIVE TRANSACTION", Access::Lock),
            ("COMMIT", Access::Read),
            ("PRAGMA journal_mode=WAL", Access::Read),
            ("INSERT INTO a VALUES (1)", Access::Change),
            ("\n/* x */Update a SET b = 1", Access::Change),
            ("WITH x AS (SELECT 1) SELECT * FROM x", Access::Read),
            (
                "WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x",
                Access::Change,
            ),
            ("CREATE TABLE a (b)", Access::Lock),
            ("EXPLAIN INSERT INTO a VALUES (1)", Access::Read),
            ("", Access::Read),
            ("-", Access::Read),
            ("--", Access::Read),
            ("/*", Access::Read),
        ];
        for (sql, expected) in cases {
            assert_eq!(access(sql), expected, "{sql:?}");
        }
    }
}
