//! What may be wrong with a manifest or a runtime configuration, for `refused`.

/// The text; the place that the message names; words of what to do.
type Case = (&'static str, &'static str, &'static str);

/// Added to a good manifest: what is wrong, the key, and words of the remedy.
pub const ADDITIONS: &[Case] = &[
    ("colour = 1", "unknown field `colour`", "expected one of"),
    (
        "sqlite_databases = \"default\"",
        "sqlite_databases",
        "line 9",
    ),
    (
        "sqlite_databases = [\"other\"]",
        "component.a.sqlite_databases",
        "add [sqlite_database.other] to the runtime configuration",
    ),
    (
        "key_value_stores = [\"other\"]",
        "component.a.key_value_stores",
        "add [key_value_store.other] to the runtime configuration",
    ),
    (
        "allowed_outbound_hosts = [\"example.com\"]",
        "component.a.allowed_outbound_hosts",
        "write <scheme>://<host>[:<port>]",
    ),
    (
        "allowed_outbound_hosts = [\"http://a:b\"]",
        "component.a.allowed_outbound_hosts",
        "a port is a number",
    ),
    (
        "allowed_outbound_hosts = [\"{{ nobody }}\"]",
        "component.a.allowed_outbound_hosts",
        "`nobody` is not declared under [variables]",
    ),
    (
        "allowed_outbound_hosts = [\"http://{{ nobody\"]",
        "component.a.allowed_outbound_hosts",
        "}}",
    ),
    (
        "variables = { b = \"{{ c }}\" }",
        "component.a.variables.b",
        "`c` is not declared under [variables]",
    ),
    (
        "variables = { b = \"{{ c\" }",
        "component.a.variables.b",
        "without closing it",
    ),
    (
        "variables = { B = \"c\" }",
        "component.a.variables.B",
        "use lower-case letters",
    ),
    (
        "files = [\"../secrets\"]",
        "`files`: \"../secrets\"",
        "a path inside the application",
    ),
    (
        "files = [{ source = \"spin.toml\", destination = \"/../x\" }]",
        "`files`",
        "without `..`",
    ),
    ("files = [\"nowhere.txt\"]", "`files`", "there is no"),
    (
        "files = [{ source = \"spin.toml\" }]",
        "missing field `destination`",
        "line 9",
    ),
    (
        "ai_models = [\"llama\"]",
        "component.a.ai_models",
        "remove it",
    ),
    (
        "allowed_http_hosts = []",
        "component.a.allowed_http_hosts",
        "write `allowed_outbound_hosts` instead",
    ),
    (
        "[component.b]\nsource = { url = \"https://x\", digest = \"d\" }",
        "component.b.source",
        "download the component and name its file",
    ),
    (
        "[component.b]\nsource = \"gone.wasm\"\n[component.b.build]\ncommand = \"make b\"\nworkdir = \"b\"",
        "component `b`: `source` names",
        "build it with: cd b && make b",
    ),
    (
        "[component.b]\nsource = \"gone.wasm\"",
        "component `b`: `source` names",
        "[component.b.build]",
    ),
    (
        "[component.b]\nsource = \"spin.toml\"",
        "component `b`: `source` names",
        "it is not WebAssembly",
    ),
    (
        "[component.my_b]\nsource = \"PROBE\"",
        "component.my_b",
        "such as `my-api`",
    ),
    (
        "[[trigger.http]]\nroute = \"/b\"\ncomponent = \"b\"",
        "trigger.http[1].component",
        "there is no `[component.b]`; there is a",
    ),
    (
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"a\"",
        "`trigger.http[1].route` = \"/...\"",
        "is the route of `trigger.http[0]` too, so one of them would never be called; remove one",
    ),
    (
        "[[trigger.http]]\nroute = \"/b/.../c\"\ncomponent = \"a\"",
        "`trigger.http[1].route`",
        "a wildcard stands only at the end",
    ),
    (
        "[[trigger.http]]\nroute = \"/b?c\"\ncomponent = \"a\"",
        "`trigger.http[1].route`",
        "a path without query",
    ),
    (
        "[[trigger.http]]\nid = \"x\"\nroute = \"/b\"\ncomponent = \"a\"\n[[trigger.http]]\nid = \"x\"\nroute = \"/c\"\ncomponent = \"a\"",
        "`trigger.http.id` = \"x\"",
        "give each its own",
    ),
    (
        "[[trigger.cron]]\ncomponent = \"a\"\ncron_expression = \"* * * * *\"",
        "trigger.cron[0].cron_expression",
        "write seconds, minutes, hours",
    ),
    (
        "[[trigger.cron]]\ncomponent = \"a\"\ncron_expression = \"0 61 * * * *\"",
        "trigger.cron[0].cron_expression",
        "for example \"*/5 * * * * *\"",
    ),
    (
        "[[trigger.cron]]\ncomponent = \"a\"",
        "missing field `cron_expression`",
        "line 9",
    ),
    (
        "[[trigger.redis]]\nchannel = \"c\"",
        "unknown field `redis`",
        "`http` or `cron`",
    ),
    (
        "[variables]\nb = {}",
        "variables.b",
        "`default = \"…\"` or `required = true`",
    ),
    (
        "[application.trigger.redis]\naddress = \"x\"",
        "application.trigger.redis",
        "remove them",
    ),
];

/// Whole manifests.
pub const WHOLE: &[Case] = &[
    ("", "`spin_manifest_version = 2` is missing", "spin.toml"),
    (
        "spin_version = \"1\"",
        "this is a version 1 manifest",
        "only version 2",
    ),
    (
        "spin_manifest_version = 3",
        "`spin_manifest_version` is 3",
        "write `spin_manifest_version = 2`",
    ),
    (
        "spin_manifest_version = 2",
        "missing field `application`",
        "line 1",
    ),
    (
        "spin_manifest_version = 2\n[application]",
        "missing field `name`",
        "line 2",
    ),
    (
        "spin_manifest_version = 2\n[application]\nname = \"a\"",
        "no component is ever called",
        "add a [[trigger.http]]",
    ),
    (
        "spin_manifest_version = 2\n[application\nname = \"a\"",
        "line 2",
        "]",
    ),
];

/// Runtime configurations.
pub const CONFIGURATIONS: &[Case] = &[
    (
        "[sqlite_databases.default]\ntype = \"spin\"",
        "unknown field `sqlite_databases`",
        "`sqlite_database`",
    ),
    (
        "[sqlite_database.default]\ntype = \"spin\"\nfile = \"a\"",
        "unknown field `file`",
        "line 3",
    ),
    (
        "[sqlite_database.default]\npath = \"a\"",
        "missing field `type`",
        "line 1",
    ),
    (
        "[sqlite_database.default]\ntype = \"libsql\"\nurl = \"https://x\"\ntoken = \"t\"",
        "sqlite_database.default.type",
        "use type = \"spin\" with a path",
    ),
    (
        "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://x\"",
        "key_value_store.default.type",
        "or run the application under Spin",
    ),
    (
        "[key_value_store.default]\ntype = \"spin\"\nurl = \"redis://x\"",
        "key_value_store.default",
        "takes only `path`",
    ),
    (
        "[sqlite_database.default]\ntype = \"spin\"\npath = \"\"",
        "sqlite_database.default.path",
        "name a file, or leave `path` out",
    ),
    (
        "[sqlite_database.default]\ntype = \"spin\"\npath = \"FOLDER\"",
        "sqlite_database.default.path",
        "this is a folder; name another file",
    ),
    (
        "[sqlite_database.default]\ntype = \"spin\"\npath = \"FOLDER/spin.toml\"",
        "sqlite_database.default.path",
        "no SQLite database; name another file",
    ),
    (
        "[key_value_store.x]\ntype = \"spin\"\npath = \"FOLDER/spin.toml\"",
        "key_value_store.x.path",
        "no SQLite database; name another file",
    ),
    (
        "[sqlite_database.default]\ntype = \"spin\"\npath = \"FOLDER/spin.toml/a.db\"",
        "sqlite_database.default.path",
        "Not a directory",
    ),
    (
        "[outbound_networking]\nblock_networks = [\"10.0.0.0/99\"]",
        "outbound_networking.block_networks",
        "write it like 10.0.0.0/8",
    ),
    ("[sqlite_database.default\ntype = \"spin\"", "line 1", "]"),
];
