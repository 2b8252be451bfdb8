//! The rules of the layout that no compiler checks: who may depend on whom, what a component may
//! import, how tests are named, how long files are.

mod licences;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use clash_tests::stack::root;
use serde_json::Value;
use wasmparser::{ComponentExternName, ComponentTypeRef, Encoding, Parser, Payload};

/// Every rule that a test may claim to prove.
const RULES: [(&str, u32); 11] = [
    ("gw", 12),
    ("rm", 14),
    ("tk", 14),
    ("rg", 5),
    ("ai", 4),
    ("wf", 8),
    ("as", 4),
    ("wb", 4),
    ("op", 6),
    ("pf", 4),
    ("rl", 3),
];

const COMPONENTS: [&str; 6] = [
    "gateway",
    "sync",
    "tasks",
    "registry",
    "assets",
    "scheduler",
];

/// Crates that decide and compute, and do nothing else.
const PURE: [&str; 9] = [
    "media",
    "protocol",
    "canvas",
    "dispatch",
    "fleet",
    "providers",
    "story",
    "problem",
    "identity",
];
/// What brings IO, a clock or a runtime with it.
const IMPURE: [&str; 13] = [
    "store",
    "guest",
    "host",
    "edge",
    "pipeline",
    "tokio",
    "hyper",
    "hyper-util",
    "reqwest",
    "spin-sdk",
    "wasip2",
    "rusqlite",
    "axum",
];

/// Direct dependencies of each package of the workspace, without those of tests and of features
/// that are off by default.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let direct = |package: &Value| {
        let all = package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter();
        all.filter(|one| one["kind"] != "dev" && one["optional"] != true)
            .map(|one| text(&one["name"]))
            .collect()
    };
    packages
        .iter()
        .map(|package| (text(&package["name"]), direct(package)))
        .collect()
}

/// All that a package depends on, through other packages of the workspace too.
fn reach(of: &str, direct: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![of.to_owned()];
    while let Some(package) = open.pop() {
        for dependency in direct.get(&package).into_iter().flatten() {
            if reached.insert(dependency.clone()) {
                open.push(dependency.clone());
            }
        }
    }
    reached
}

#[test]
fn tidy_dependencies_follow_the_layout() {
    let direct = dependencies();
    let workspace: BTreeSet<_> = direct.keys().map(String::as_str).collect();
    let mut faults = Vec::new();
    let mut forbid = |of: &str, among: &BTreeSet<String>, forbidden: &[&str]| {
        for name in forbidden.iter().filter(|name| among.contains(**name)) {
            faults.push(format!("{of} depends on {name}"));
        }
    };
    for package in PURE {
        assert!(workspace.contains(package), "there is no crate {package}");
        forbid(package, &reach(package, &direct), &IMPURE);
    }
    let ours: Vec<_> = workspace.iter().copied().collect();
    forbid("host", &direct["host"], &ours);
    forbid(
        "edge",
        &reach("edge", &direct),
        &["store", "canvas", "rooms", "loro", "host", "guest"],
    );
    // What people build programs with knows the protocol and nothing of the platform.
    forbid(
        "client",
        &reach("client", &direct),
        &[
            "store", "canvas", "rooms", "edge", "host", "guest", "identity",
        ],
    );
    forbid(
        "scheduler",
        &reach("scheduler", &direct),
        &["guest", "spin-sdk", "wasip3"],
    );
    for component in COMPONENTS {
        forbid(component, &direct[component], &COMPONENTS);
        forbid(
            component,
            &reach(component, &direct),
            &["host", "edge", "tokio", "hyper", "reqwest", "rusqlite"],
        );
    }
    for (package, dependencies) in &direct {
        // The SDK stays behind one crate; components use its entry macro, which needs its name.
        if package != "guest" && !COMPONENTS.contains(&package.as_str()) {
            forbid(package, dependencies, &["spin-sdk"]);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The interfaces and functions that a component imports, and what it exports. Types alone need
/// nobody to provide them.
fn world(path: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| {
        panic!("{} ({error}): run `make components` first", path.display())
    });
    let (mut imports, mut exports) = (BTreeSet::new(), BTreeSet::new());
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.expect("a whole component") {
            Payload::Version { encoding, .. } if depth == 0 => {
                assert_eq!(encoding, Encoding::Component)
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                let all = section.into_iter().map(|import| import.expect("an import"));
                let needed = all.filter(|import| !matches!(import.ty, ComponentTypeRef::Type(_)));
                imports.extend(needed.map(|import| full_name(&import.name)));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(
                    section
                        .into_iter()
                        .map(|export| full_name(&export.expect("an export").name)),
                );
            }
            _ => {}
        }
    }
    (imports, exports)
}

/// A name whose version may be written apart from it.
fn full_name(name: &ComponentExternName) -> String {
    format!("{}{}", name.name, name.version_suffix.unwrap_or_default())
}

/// True when every host that the platform names offers the interface.
fn is_offered(interface: &str) -> bool {
    let Some((name, version)) = interface.split_once('@') else {
        return false;
    };
    let Some((package, _)) = name.split_once('/') else {
        return false;
    };
    let is = |major_minor: &str| {
        version.starts_with(major_minor) && version[major_minor.len()..].starts_with('.')
    };
    match package {
        "spin:sqlite" => version == "3.1.0",
        "spin:key-value" | "spin:variables" | "spin:redis" | "spin:cron" => version == "3.0.0",
        "wasi:http" | "wasi:clocks" => version == "0.3.0" || is("0.2"),
        "wasi:io" | "wasi:cli" | "wasi:random" => is("0.2"),
        _ => false,
    }
}

#[test]
fn op2_components_import_only_what_hosts_offer() {
    let folder = root().join("target/wasm32-wasip2/component");
    for component in COMPONENTS {
        let (imports, exports) = world(&folder.join(format!("{component}.wasm")));
        let others: Vec<_> = imports
            .iter()
            .filter(|import| !is_offered(import))
            .collect();
        assert!(others.is_empty(), "{component} imports {others:#?}");
        if component == "scheduler" {
            let newer: Vec<_> = imports
                .iter()
                .filter(|import| import.contains("@0.3."))
                .collect();
            assert!(
                newer.is_empty(),
                "the scheduler imports {newer:#?} of WASI 0.3"
            );
            assert!(
                exports
                    .iter()
                    .any(|export| export.contains("handle-cron-event")),
                "{exports:?}"
            );
        } else {
            assert!(
                exports.contains("wasi:http/handler@0.3.0"),
                "{component} exports {exports:?}"
            );
        }
    }
}

/// The files of our own code with an ending, by path.
fn sources(ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open: Vec<_> = ["crates", "components", "tests"]
        .map(|folder| root().join(folder))
        .to_vec();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with("target") && name != "node_modules" {
                    open.push(path);
                }
            } else if name.ends_with(ending) {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn tidy_names_of_tests_begin_with_rules_that_exist() {
    let mut unknown = Vec::new();
    for (path, text) in sources(".rs") {
        for name in text.lines().filter_map(test_name) {
            let claimed = name
                .split('_')
                .take_while(|part| part.ends_with(|c: char| c.is_ascii_digit()));
            for rule in claimed.filter(|part| part.starts_with(|c: char| c.is_ascii_lowercase())) {
                let (letters, number) =
                    rule.split_at(rule.trim_end_matches(|c: char| c.is_ascii_digit()).len());
                let known = RULES.iter().find(|(name, _)| *name == letters);
                if known.is_none_or(|(_, last)| {
                    number
                        .parse()
                        .is_ok_and(|number: u32| number < 1 || number > *last)
                }) {
                    unknown.push(format!("{}: {name}", path.display()));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// The name in `fn rm4_update_before…(`, if it looks as a rule's test.
fn test_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line
        .strip_prefix("fn ")
        .or_else(|| line.strip_prefix("async fn "))?;
    let name = rest.split(['(', '<']).next()?;
    let (first, _) = name.split_once('_')?;
    let letters = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_rule = RULES.iter().any(|(known, _)| *known == letters) && letters.len() < first.len();
    (is_rule || (letters.len() == 2 && letters.len() < first.len())).then_some(name)
}

#[test]
fn tidy_tests_that_the_spec_names_are_there() {
    let spec = std::fs::read_to_string(root().join("SPEC.md")).expect("SPEC.md");
    let named: BTreeSet<_> = spec
        .split('`')
        .filter(|word| test_name(&format!("fn {word}(")).is_some())
        .collect();
    let sources = sources(".rs");
    let missing: Vec<_> = named
        .iter()
        .filter(|name| {
            !sources
                .iter()
                .any(|(_, text)| text.contains(&format!("fn {name}(")))
        })
        .collect();
    assert!(!named.is_empty() && missing.is_empty(), "{missing:#?}");
}

#[test]
fn tidy_modules_say_what_they_are_for() {
    let silent: Vec<_> = sources(".rs")
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tests.rs"))
        .filter(|(_, text)| !text.trim_start().starts_with("//!") && !text.trim().is_empty())
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "without `//!`: {silent:#?}");
}

#[test]
fn tidy_nothing_is_left_open_in_production_code() {
    // Put together here, so that this file does not find itself.
    let marks = [
        ["to", "do!("].concat(),
        ["unimpl", "emented!("].concat(),
        ["db", "g!("].concat(),
        ["FIX", "ME"].concat(),
    ];
    let mut open = Vec::new();
    for (path, text) in sources(".rs") {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                open.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn tidy_every_kind_of_problem_has_its_page() {
    let slugs = [
        "bad-request",
        "unauthorized",
        "forbidden",
        "not-found",
        "method-not-allowed",
        "conflict",
        "payload-too-large",
        "unsupported-media-type",
        "range-not-satisfiable",
        "unprocessable",
        "too-many-requests",
        "internal",
        "upstream-failed",
        "unavailable",
        "timeout",
        "storage-full",
    ];
    for slug in slugs {
        let path = root().join(format!("docs/errors/{slug}.md"));
        let page = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(page.len() > 100, "{} says nothing", path.display());
    }
}
