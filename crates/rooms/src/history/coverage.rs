//! Who brought which operations: each belongs to the first entry of the log that holds it.

use std::collections::HashMap;
use std::ops::Range;

use loro::{LoroDoc, PeerID};
use store::history::{self, Span};

/// Edits of one person from one document within this time are one span: a minute of typing.
const SPAN_MS: i64 = 60_000;

/// Operations that are accounted for, by peer; the ranges of a peer are sorted and apart.
#[derive(Default)]
pub struct Coverage {
    peers: HashMap<PeerID, Vec<Range<i32>>>,
}

impl Coverage {
    /// Accounts for a range, and returns those parts of it that nobody had.
    pub fn take(&mut self, peer: PeerID, wanted: Range<i32>) -> Vec<Range<i32>> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let ranges = self.peers.entry(peer).or_default();
        // Those that overlap or touch it.
        let first = ranges.partition_point(|range| range.end < wanted.start);
        let last = ranges.partition_point(|range| range.start <= wanted.end);
        let mut fresh = Vec::new();
        let mut from = wanted.start;
        let mut merged = wanted.clone();
        for known in &ranges[first..last] {
            if known.start > from {
                fresh.push(from..known.start.min(wanted.end));
            }
            from = from.max(known.end);
            merged = merged.start.min(known.start)..merged.end.max(known.end);
        }
        if from < wanted.end {
            fresh.push(from..wanted.end);
        }
        ranges.splice(first..last, [merged]);
        fresh
    }
}

/// What an update holds, by peer.
pub fn ranges(update: &[u8]) -> Vec<(PeerID, Range<i32>)> {
    // The log holds only what was checked when it came.
    let Ok(meta) = LoroDoc::decode_import_blob_meta(update, false) else {
        return Vec::new();
    };
    let mut ranges: Vec<_> = meta
        .partial_end_vv
        .iter()
        .map(|(peer, end)| {
            let start = meta.partial_start_vv.get(peer).copied().unwrap_or(0);
            (*peer, start.max(0)..*end)
        })
        .filter(|(_, range)| !range.is_empty())
        .collect();
    ranges.sort_by_key(|(peer, range)| (*peer, range.start));
    ranges
}

/// An entry of the log, as far as it matters here.
pub struct Brought {
    pub actor: String,
    pub at_ms: i64,
    pub ranges: Vec<(PeerID, Range<i32>)>,
}

/// The spans of some entries, in their order; `known` is what stands in the table already.
pub fn spans(entries: &[Brought], known: &[history::Range]) -> Vec<Span> {
    let mut coverage = Coverage::default();
    for range in known {
        if let Ok(peer) = range.peer.parse() {
            coverage.take(peer, range.from..range.to);
        }
    }
    let mut spans: Vec<Span> = Vec::new();
    let mut last_of: HashMap<PeerID, usize> = HashMap::new();
    for entry in entries {
        for (peer, range) in &entry.ranges {
            for fresh in coverage.take(*peer, range.clone()) {
                let last = last_of.get(peer).and_then(|at| spans.get_mut(*at));
                match last {
                    Some(last) if continues(last, entry, &fresh) => {
                        last.to = fresh.end;
                        last.last_at_ms = entry.at_ms;
                    }
                    Some(_) | None => {
                        last_of.insert(*peer, spans.len());
                        spans.push(Span {
                            peer: peer.to_string(),
                            from: fresh.start,
                            to: fresh.end,
                            actor: entry.actor.clone(),
                            first_at_ms: entry.at_ms,
                            last_at_ms: entry.at_ms,
                        });
                    }
                }
            }
        }
    }
    spans
}

fn continues(span: &Span, entry: &Brought, range: &Range<i32>) -> bool {
    span.actor == entry.actor
        && span.to == range.start
        && entry.at_ms >= span.last_at_ms
        && entry.at_ms - span.first_at_ms < SPAN_MS
}

/// What has to be looked up in the table: each peer's operations from the first to the last.
pub fn wanted(entries: &[Brought]) -> Vec<history::Range> {
    let mut peers: HashMap<PeerID, Range<i32>> = HashMap::new();
    for (peer, range) in entries.iter().flat_map(|entry| &entry.ranges) {
        let whole = peers.entry(*peer).or_insert_with(|| range.clone());
        *whole = whole.start.min(range.start)..whole.end.max(range.end);
    }
    peers
        .into_iter()
        .map(|(peer, range)| history::Range {
            peer: peer.to_string(),
            from: range.start,
            to: range.end,
        })
        .collect()
}

#[cfg(test)]
#[allow(
    clippy::single_range_in_vec_init,
    reason = "lists of ranges are what is tested"
)]
mod tests {
    use super::*;

    #[test]
    fn rm9_each_operation_is_accounted_for_once() {
        let mut coverage = Coverage::default();
        for (wanted, fresh) in [
            (0..5, vec![0..5]),
            (0..5, vec![]),
            (10..20, vec![10..20]),
            (5..10, vec![5..10]),
            (30..40, vec![30..40]),
            (0..50, vec![20..30, 40..50]),
            (7..9, vec![]),
            (60..61, vec![60..61]),
            (55..70, vec![55..60, 61..70]),
            (3..3, vec![]),
        ] {
            assert_eq!(coverage.take(1, wanted.clone()), fresh, "{wanted:?}");
        }
        assert_eq!(coverage.take(2, 0..1), [0..1]);
    }

    #[test]
    fn rm9_a_minute_of_one_person_is_one_span() {
        let entry = |actor: &str, at_ms, from, to| Brought {
            actor: actor.into(),
            at_ms,
            ranges: vec![(7, from..to)],
        };
        let entries = [
            entry("alice", 1_000, 0, 2),
            entry("alice", 2_000, 2, 4),
            // A repeat by somebody else brings nothing.
            entry("bob", 3_000, 0, 4),
            entry("alice", 60_999, 4, 5),
            entry("alice", 61_000, 5, 6),
            entry("bob", 61_001, 6, 7),
        ];
        let found: Vec<_> = spans(&entries, &[])
            .into_iter()
            .map(|span| (span.actor, span.from..span.to, span.last_at_ms))
            .collect();
        assert_eq!(
            found,
            [
                ("alice".to_owned(), 0..5, 60_999),
                ("alice".to_owned(), 5..6, 61_000),
                ("bob".to_owned(), 6..7, 61_001),
            ]
        );
    }
}
