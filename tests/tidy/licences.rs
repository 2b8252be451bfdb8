//! What is built in may be given on under the project's own licence.

use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

/// Licences of which a binary may be made and given on, with their texts beside it. MPL-2.0 asks
/// for the sources of its own files alone, which are public and unchanged.
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

fn is_allowed(licence: &str) -> bool {
    Expression::parse_mode(licence, ParseMode::LAX).is_ok_and(|expression| {
        expression.evaluate(|wanted| {
            let id = wanted.license.id();
            id.is_some_and(|id| ALLOWED.contains(&id.name))
        })
    })
}

#[test]
fn tidy_every_dependency_has_a_licence_that_allows_its_use() {
    let mut faults = Vec::new();
    let mut looked_at = 0;
    for package in built_in() {
        looked_at += 1;
        let licence = package["license"].as_str().unwrap_or("none");
        if !is_allowed(licence) {
            faults.push(format!(
                "{} {}: {licence}",
                package["name"], package["version"]
            ));
        }
    }
    assert!(looked_at > 100, "only {looked_at} packages");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn tidy_licences_are_judged_by_their_expressions() {
    let table = [
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("GPL-3.0-only", false),
        ("AGPL-3.0-or-later", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Unlicense/MIT", true),
        ("LicenseRef-mine", false),
        ("none", false),
    ];
    for (licence, allowed) in table {
        assert_eq!(is_allowed(licence), allowed, "{licence}");
    }
}

/// Everything that is built for this machine and for the components.
fn built_in() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .args(["--filter-platform", "wasm32-wasip2", "--manifest-path"])
        .arg(clash_tests::stack::root().join("Cargo.toml"))
        .output()
        .expect("cargo metadata runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let resolved = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let ids: Vec<_> = resolved.iter().map(|node| node["id"].clone()).collect();
    let Value::Array(packages) = metadata["packages"].take() else {
        panic!("no packages");
    };
    let used = packages
        .into_iter()
        .filter(|package| ids.contains(&package["id"]));
    used.collect()
}
