//! Which automatic versions stay: all of the last hour, then one for each hour of a day, then one
//! for each day.

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Automatic versions of the last hour: six that time makes, and those before restores. More of
/// them must not drive out the older ones.
const RECENT: usize = 24;

/// Automatic versions of a room: a day of hours, the recent ones, and nearly half a year of days.
pub const AUTOMATIC: usize = 200;

/// The ids that go, of automatic versions in the order of their times, the newest first.
pub fn thin(versions: &[(String, i64)], now_ms: i64) -> Vec<String> {
    let mut kept = 0;
    let mut last_slot = None;
    let mut gone = Vec::new();
    for (id, at_ms) in versions {
        // One from a clock that was ahead is as new as can be.
        let age_ms = (now_ms - at_ms).max(0);
        let slot = match age_ms {
            0..HOUR_MS => None,
            HOUR_MS..DAY_MS => Some((HOUR_MS, at_ms.div_euclid(HOUR_MS))),
            _ => Some((DAY_MS, at_ms.div_euclid(DAY_MS))),
        };
        let stays = match slot {
            None => kept < RECENT,
            Some(slot) => last_slot != Some(slot) && kept < AUTOMATIC,
        };
        if stays {
            kept += 1;
            last_slot = slot;
        } else {
            gone.push(id.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(now_ms: i64, times: &[i64]) -> Vec<i64> {
        let versions: Vec<_> = times.iter().map(|at| (at.to_string(), *at)).collect();
        let gone = thin(&versions, now_ms);
        let stays = |at: &&i64| !gone.contains(&at.to_string());
        times.iter().filter(stays).copied().collect()
    }

    #[test]
    fn rm9_automatic_versions_thin_out_to_hours_and_days() {
        const MINUTE_MS: i64 = 60_000;
        let now_ms = 100 * DAY_MS;
        // One every ten minutes for sixty days, thinned out each time.
        let mut times: Vec<i64> = Vec::new();
        let mut at_ms = now_ms - 60 * DAY_MS;
        while at_ms <= now_ms {
            times.insert(0, at_ms);
            times = kept(at_ms, &times);
            at_ms += 10 * MINUTE_MS;
        }
        let within = |from_ms: i64, to_ms: i64| {
            let ages = times.iter().map(|at| now_ms - at);
            ages.filter(|age| (from_ms..to_ms).contains(age)).count()
        };
        assert_eq!(within(0, HOUR_MS), 6);
        // Each hour's last, and the first of the hour that is just leaving the recent ones.
        assert_eq!(within(HOUR_MS, DAY_MS), 24);
        let days = within(DAY_MS, 60 * DAY_MS);
        assert!((58..=60).contains(&days), "{days}");
    }

    #[test]
    fn rm9_many_versions_of_one_hour_leave_the_older_ones_alone() {
        let now_ms = 1_000 * DAY_MS;
        let mut times: Vec<i64> = (0..500).map(|at| now_ms - at).collect();
        times.extend((1..900).map(|day| now_ms - day * DAY_MS));
        let kept = kept(now_ms, &times);
        assert_eq!(kept.len(), AUTOMATIC);
        assert_eq!(kept[..RECENT], times[..RECENT]);
        assert_eq!(kept[RECENT], now_ms - DAY_MS);
    }
}
