//! Self-preservation (RG3): when many servers vanish together, it is the network between them and
//! us, and whoever is forgotten now is missing when it is back.

use crate::Removal;

/// Over this share of the servers, in percent. Less than a third: a zone of three must count.
const VANISHED_PERCENT: i64 = 30;

/// One server that goes away says nothing about the others, however few there are.
const VANISHED_LEAST: i64 = 2;

/// Whether servers may be removed while `gone` of `seen` servers do not answer; those that never
/// answered count in neither, so that nobody can suspend removals with addresses that lead nowhere.
///
/// Who is gone for [`crate::REMOVE_MS`] is removed, so `gone` are those that vanished within that
/// time, until removals are suspended. That is over when enough of them are back, or were removed
/// by hand.
pub fn removal(seen: i64, gone: i64) -> Removal {
    let many = gone.saturating_mul(100) > seen.saturating_mul(VANISHED_PERCENT);
    match gone >= VANISHED_LEAST && many {
        true => Removal::Suspended,
        false => Removal::Allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rg3_removals_are_suspended_when_many_vanish_together() {
        use Removal::{Allowed, Suspended};
        for (seen, gone, expected) in [
            (0, 0, Allowed),
            (1, 1, Allowed),
            (2, 1, Allowed),
            (2, 2, Suspended),
            (6, 2, Suspended),
            (7, 2, Allowed),
            (10, 3, Allowed),
            (10, 4, Suspended),
            (500, 150, Allowed),
            (500, 151, Suspended),
        ] {
            assert_eq!(removal(seen, gone), expected, "{gone} of {seen}");
        }
    }
}
