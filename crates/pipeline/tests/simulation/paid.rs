//! RL1, TK7, TK10: with accounts that cost money, whatever crashes, nothing is paid twice, and no
//! account is asked more often than it allows.

use std::collections::BTreeMap;

use store::servers::{Model, NewServer};

use crate::accounts::{GEMINI, KLING, PREDICT};
use crate::platform::Platform;
use crate::sim::Sim;
use crate::{Failing, STEPS, number};

const SEEDS: u64 = 600;

/// At most so many in any minute.
const PER_MIN: i64 = 6;

fn accounts() -> Vec<NewServer> {
    let kinds = |kinds: &[&str]| kinds.iter().map(ToString::to_string).collect();
    let model = |name: &str, slots| Model {
        name: name.into(),
        slots,
    };
    vec![
        NewServer {
            id: "s_0".into(),
            url: format!("http://127.0.0.1:{KLING}"),
            interface: "kling".into(),
            kinds: kinds(&["image_gen", "video_gen"]),
            models: vec![model("kling-v2-1", Some(1)), model("kling-v2-6", None)],
            token: Some("access".into()),
            slots: 3,
            rate_per_min: Some(PER_MIN),
            ..NewServer::default()
        },
        NewServer {
            id: "s_1".into(),
            url: format!("http://127.0.0.1:{GEMINI}"),
            interface: "gemini".into(),
            kinds: kinds(&["image_gen", "image_desc"]),
            models: vec![model("gemini-2.5-flash-image", None)],
            token: Some("key".into()),
            slots: 1,
            ..NewServer::default()
        },
        NewServer {
            id: "s_2".into(),
            url: format!("http://127.0.0.1:{PREDICT}"),
            interface: "predict".into(),
            kinds: kinds(&["image_desc"]),
            tier: 1,
            slots: 2,
            batch: 2,
            ..NewServer::default()
        },
    ]
}

#[test]
fn rl1_nothing_is_paid_twice_and_no_account_is_asked_too_often() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut saw = |what: &str, times: u64| *seen.entry(what.to_owned()).or_default() += times;
    for seed in seeds {
        let _failing = Failing(seed);
        let sim = Sim::new(seed);
        sim.keeps_time.set(true);
        let platform = Platform::with(&sim, accounts());
        for _ in 0..STEPS {
            platform.step();
            platform.check_slots();
            assert!(
                platform.count("SELECT count(*) AS n FROM tasks WHERE state = 'PROCESSING' AND model = 'kling-v2-1'") <= 1,
                "the model's own limit"
            );
        }
        platform.heal();
        platform.check_end();
        let accounts = sim.accounts.borrow();
        for (task, times) in &accounts.paid {
            assert!(*times <= 1, "{task} was paid for {times} times");
        }
        let asked = &accounts.asked_at_ms;
        for minute in asked.windows(PER_MIN as usize + 1) {
            assert!(minute[PER_MIN as usize] - minute[0] >= 60_000, "{minute:?}");
        }
        saw("crashes", sim.crashes.get());
        saw("look-ups", accounts.looked_up);
        saw("put off", accounts.put_off);
        for row in platform.rows() {
            let class = row.error.as_deref().unwrap_or_default();
            saw(
                "nobody knows",
                u64::from(class.contains("\"unknown\"") && row.state == "FAILED"),
            );
            saw("finished", u64::from(row.state == "FINISHED"));
            saw("costs told", u64::from(row.usage.is_some()));
            saw("tried again", u64::from(row.attempt > 1));
        }
    }
    println!("{seen:?}");
    if number("SEED").is_none() {
        assert!(
            seen.len() == 7 && seen.values().all(|times| *times > 0),
            "{seen:?}"
        );
    }
}
