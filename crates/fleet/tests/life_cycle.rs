//! RG2, RG3: the state chart of section 7 and the code have the same edges.

use std::collections::BTreeSet;

use fleet::{
    Check, Health, Outcome, REMOVE_MS, Removal, ServerState, Verdict, Word, heartbeat, judge, told,
};

/// The edges of section 7's chart; `[*]` is both the beginning and the end.
fn drawn() -> BTreeSet<(String, String)> {
    let specification = include_str!("../../../SPEC.md");
    let (_, section) = specification.split_once("\n## 7. ").expect("section 7");
    let (_, chart) = section.split_once("stateDiagram-v2").expect("a chart");
    let (chart, _) = chart.split_once("```").expect("its end");
    let edges = chart.lines().filter_map(|line| line.split_once("-->"));
    edges
        .map(|(from, to)| {
            let (to, _) = to.split_once(':').expect("a reason");
            (from.trim().to_owned(), to.trim().to_owned())
        })
        .collect()
}

fn healths() -> impl Iterator<Item = Health> {
    ServerState::ALL.into_iter().flat_map(|state| {
        (0..5).flat_map(move |rises| {
            (0..5).map(move |falls| Health {
                state,
                rises,
                falls,
                changed_at_ms: 0,
                next_check_at_ms: 0,
            })
        })
    })
}

#[test]
fn rg2_the_chart_of_the_specification_is_the_code() {
    let mut coded = BTreeSet::new();
    let mut edge = |from: &str, to: &str| {
        if from != to {
            coded.insert((from.to_owned(), to.to_owned()));
        }
    };
    for before in healths() {
        let from = before.state.as_str();
        for word in [Word::Use, Word::Drain] {
            if let Some(state) = told(before, word) {
                edge(from, state.as_str());
            }
        }
        edge(from, heartbeat(before, 1, 0.5).state.as_str());
        for outcome in [Outcome::Well, Outcome::Unwell] {
            for check in [Check::Routine, Check::Registration] {
                for now_ms in [1, REMOVE_MS] {
                    // A registration is no reason to remove anybody.
                    let removal = match check {
                        Check::Routine => Removal::Allowed,
                        Check::Registration => Removal::Suspended,
                    };
                    match judge(before, check, outcome, removal, now_ms, 0.5) {
                        Verdict::Keep(health) => edge(from, health.state.as_str()),
                        Verdict::Remove => edge(from, "[*]"),
                    }
                }
            }
        }
    }
    for to in ["ONLINE", "OFFLINE"] {
        edge("[*]", to);
    }
    assert_eq!(coded, drawn());
}
