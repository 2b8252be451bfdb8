use std::path::Path;

use super::{Manifest, RuntimeConfig, SqliteDatabase};

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"a\"\n";

fn parse(rest: &str) -> Result<Manifest, String> {
    Manifest::parse(&format!("{HEAD}{rest}"), Path::new("app"))
}

#[test]
fn op2_a_whole_manifest_is_read() {
    let manifest = parse(
        r#"
        version = "1.0.0"
        description = "d"
        authors = ["x"]
        [variables]
        token = { required = true, secret = true }
        level = { default = "info" }
        [[trigger.http]]
        route = "/api/..."
        component = "api"
        executor = { type = "http" }
        [[trigger.http]]
        route = { private = true }
        component = { source = "inner.wasm" }
        [[trigger.cron]]
        component = "api"
        cron_expression = "0/5 * * * * * *"
        [component.api]
        source = "api.wasm"
        description = "the interface"
        files = ["assets/*", { source = "web", destination = "/" }]
        exclude_files = ["assets/x"]
        allowed_outbound_hosts = ["http://inner.spin.internal"]
        key_value_stores = ["default"]
        sqlite_databases = ["default"]
        environment = { A = "b" }
        [component.api.variables]
        token = "{{ token }}"
        [component.api.build]
        command = ["one", "two"]
        workdir = "w"
        watch = ["src"]
        "#,
    )
    .unwrap();
    assert_eq!(manifest.name, "a");
    assert_eq!(manifest.components["api"].source, Path::new("app/api.wasm"));
    assert_eq!(
        manifest.components["api"].build.as_deref(),
        Some("cd w && one && two")
    );
    assert_eq!(manifest.http[0].route.as_deref(), Some("/api/..."));
    assert_eq!(manifest.http[1].route, None);
    assert_eq!(manifest.http[1].component, "inline-http1");
    assert_eq!(
        manifest.cron[0].schedule,
        crate::cron::schedule("0/5 * * * * * *").unwrap()
    );
}

/// What is wrong, and words that the message must hold: the place, and where it helps the remedy.
const REFUSED: &[(&str, &[&str])] = &[
    ("colour = \"red\"", &["unknown field `colour`", "line 4"]),
    ("[aplication]", &["unknown field `aplication`"]),
    (
        "[[trigger.redis]]\nchannel = \"c\"",
        &["unknown field `redis`", "`http`", "`cron`"],
    ),
    (
        "[[trigger.http]]\ncomponent = \"x\"",
        &["missing field `route`"],
    ),
    (
        "[[trigger.http]]\nroute = \"/\"",
        &["missing field `component`"],
    ),
    (
        "[[trigger.http]]\nroute = \"/\"\ncomponent = \"x\"",
        &["trigger.http[0].component", "[component.x]"],
    ),
    (
        "[[trigger.http]]\nroute = { private = false }\ncomponent = { source = \"a\" }",
        &["trigger.http[0].route"],
    ),
    (
        "[[trigger.http]]\nroute = { hidden = true }\ncomponent = { source = \"a\" }",
        &["unknown field `hidden`"],
    ),
    (
        "[[trigger.http]]\nroute = 1\ncomponent = { source = \"a\" }",
        &["private = true"],
    ),
    (
        "[[trigger.http]]\nroute = \"/\"\nexecutor = { type = \"wagi\" }\ncomponent = { source = \"a\" }",
        &["unknown variant `wagi`"],
    ),
    (
        "[[trigger.http]]\nroute = \"/\"\ncomponent = { sauce = \"a\" }",
        &["unknown field `sauce`"],
    ),
    (
        "[[trigger.cron]]\ncomponent = { source = \"a\" }\ncron = \"* * * * * *\"",
        &["unknown field `cron`", "`cron_expression`"],
    ),
    ("[component.x]", &["missing field `source`"]),
    ("[component.x]\nsource = 1", &["the path of a component"]),
    (
        "[component.x]\nsource = { url = \"https://x\", digest = \"d\" }",
        &["component.x.source", "local path"],
    ),
    (
        "[component.x]\nsource = \"a\"\nsqlite = [\"default\"]",
        &["unknown field `sqlite`", "`sqlite_databases`"],
    ),
    (
        "[component.x]\nsource = \"a\"\nai_models = [\"llama\"]",
        &["component.x.ai_models", "not supported"],
    ),
    (
        "[component.x]\nsource = \"a\"\nallowed_http_hosts = []",
        &["allowed_outbound_hosts"],
    ),
    (
        "[component.x]\nsource = \"a\"\nfiles = [{ source = \"a\" }]",
        &["missing field `destination`"],
    ),
    (
        "[component.x]\nsource = \"a\"\n[component.x.build]\nworkdir = \"w\"",
        &["missing field `command`"],
    ),
    (
        "[component.\"-x\"]\nsource = \"a\"",
        &["component.-x", "my-api"],
    ),
    (
        "[component.x]\nsource = \"a\"\nvariables = { a = \"{{ nothing }}\" }",
        &["component.x.variables.a", "nothing"],
    ),
    (
        "[component.x]\nsource = \"a\"\nvariables = { a = \"{{ b\" }",
        &["component.x.variables.a", "}}"],
    ),
    (
        "[variables]\nA = { default = \"\" }",
        &["variables.A", "lower-case"],
    ),
    ("[variables]\na = { }", &["variables.a", "required = true"]),
    (
        "[variables]\na = { default = \"x\", required = true }",
        &["variables.a"],
    ),
    (
        "[variables]\na = { defualt = \"x\" }",
        &["unknown field `defualt`"],
    ),
    ("name = \"b\"", &["duplicate key"]),
    ("x = ", &["line 4"]),
];

#[test]
fn op2_mistakes_in_a_manifest_are_named() {
    for (rest, words) in REFUSED {
        let message = parse(rest).expect_err(rest);
        for word in *words {
            assert!(message.contains(word), "{rest}\n→ {message}\nlacks {word}");
        }
    }
}

#[test]
fn op2_other_manifest_versions_are_refused() {
    let error = |text| Manifest::parse(text, Path::new("")).unwrap_err();
    assert!(error("spin_version = \"1\"").contains("version 1"));
    assert!(error("spin_manifest_version = 3").contains("version 2"));
    assert!(error("[application]\nname = \"a\"").contains("missing"));
}

#[test]
fn op2_runtime_configuration_names_databases_and_stores() {
    let config = RuntimeConfig::parse(
        r#"
        [sqlite_database.default]
        type = "spin"
        path = "a.db"
        [sqlite_database.scratch]
        type = "spin"
        [key_value_store.default]
        type = "spin"
        path = "kv.db"
        "#,
    )
    .unwrap();
    assert_eq!(
        config.sqlite["default"],
        SqliteDatabase::File("a.db".into())
    );
    assert_eq!(config.sqlite["scratch"], SqliteDatabase::Memory);
    assert_eq!(
        config.key_value["default"],
        SqliteDatabase::File("kv.db".into())
    );
}

#[test]
fn op2_mistakes_in_runtime_configuration_are_named() {
    let refused: &[(&str, &[&str])] = &[
        (
            "[sqlite.default]\ntype = \"spin\"",
            &["unknown field `sqlite`"],
        ),
        (
            "[sqlite_database.default]\ntype = \"spin\"\nfile = \"a\"",
            &["unknown field `file`", "line 3"],
        ),
        (
            "[sqlite_database.default]\npath = \"a\"",
            &["missing field `type`"],
        ),
        (
            "[sqlite_database.default]\ntype = \"libsql\"\nurl = \"https://x\"\ntoken = \"t\"",
            &["sqlite_database.default.type", "libsql", "under Spin"],
        ),
        (
            "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://x\"",
            &["key_value_store.default.type", "redis"],
        ),
        (
            "[key_value_store.default]\ntype = \"spin\"\nurl = \"redis://x\"",
            &["takes only `path`"],
        ),
    ];
    for (text, words) in refused {
        let message = RuntimeConfig::parse(text).expect_err(text);
        for word in *words {
            assert!(message.contains(word), "{text}\n→ {message}\nlacks {word}");
        }
    }
}
