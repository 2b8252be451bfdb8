use super::AllowedHosts;
use crate::variables::Values;

fn allowed(entry: &str) -> AllowedHosts {
    AllowedHosts::parse(&[entry.to_owned()], &Values::default(), &["api", "store"]).expect(entry)
}

#[test]
fn op2_allowed_hosts_follow_spins_rules() {
    // entry, scheme, host, port, expected
    let cases = [
        ("http://example.com", "http", "example.com", None, true),
        ("http://example.com", "http", "example.com", Some(80), true),
        (
            "http://example.com",
            "http",
            "example.com",
            Some(8080),
            false,
        ),
        ("http://example.com", "https", "example.com", None, false),
        ("http://example.com/", "http", "example.com", None, true),
        ("http://EXAMPLE.com", "http", "example.com", None, true),
        ("*://example.com:*", "https", "example.com", Some(1), true),
        ("*://*:*", "http", "10.0.0.1", Some(9), true),
        (
            "https://*.example.com",
            "https",
            "a.example.com",
            None,
            true,
        ),
        (
            "https://*.example.com",
            "https",
            "a.b.example.com",
            None,
            true,
        ),
        ("https://*.example.com", "https", "example.com", None, false),
        (
            "https://*.example.com",
            "https",
            "badexample.com",
            None,
            false,
        ),
        (
            "http://127.0.0.1:8000..8010",
            "http",
            "127.0.0.1",
            Some(8009),
            true,
        ),
        (
            "http://127.0.0.1:8000..8010",
            "http",
            "127.0.0.1",
            Some(8010),
            false,
        ),
        ("http://10.0.0.0/8:80", "http", "10.200.3.4", None, true),
        ("http://10.0.0.0/8:80", "http", "11.0.0.1", None, false),
        ("http://10.0.0.0/8:80", "http", "example.com", None, false),
        ("http://[::1]:80", "http", "[::1]", Some(80), true),
        ("http://[::1]", "http", "[::1]", None, true),
        (
            "http://api.spin.internal",
            "http",
            "api.spin.internal",
            None,
            true,
        ),
        (
            "http://api.spin.internal",
            "http",
            "store.spin.internal",
            None,
            false,
        ),
        (
            "http://*.spin.internal",
            "http",
            "store.spin.internal",
            None,
            true,
        ),
        (
            "http://*.spin.internal",
            "http",
            "other.spin.internal",
            None,
            false,
        ),
        ("http://self", "http", "example.com", None, false),
    ];
    for (entry, scheme, host, port, expected) in cases {
        assert_eq!(
            allowed(entry).allows(scheme, host, port),
            expected,
            "{entry} {scheme}://{host}:{port:?}"
        );
    }
}

#[test]
fn op2_self_is_allowed_by_self_and_by_any_host() {
    for (entry, expected) in [
        ("http://self", true),
        ("https://self", true),
        ("*://*:*", true),
        ("http://example.com", false),
        ("redis://*:*", false),
    ] {
        assert_eq!(allowed(entry).allows_self(), expected, "{entry}");
    }
}

#[test]
fn op2_malformed_entries_are_refused() {
    for entry in [
        "example.com",
        "*",
        "",
        "http://",
        "ftp://example.com",
        "http://a/b",
        "http://a:b",
        "http://a*b",
        "http://*.*.com",
        "h1://a:1",
        "http://a:1..x",
        "http://10.0.0.0/40:80",
    ] {
        let result = AllowedHosts::parse(&[entry.to_owned()], &Values::default(), &[]);
        let message = result.expect_err(entry);
        assert!(message.contains("<scheme>://<host>"), "{message}");
    }
}

#[test]
fn op2_templates_resolve_and_a_missing_value_denies_everything() {
    use crate::manifest::Variable;
    let declared = |default: Option<&str>| {
        std::collections::BTreeMap::from([(
            "upstream".to_owned(),
            Variable {
                required: default.is_none(),
                default: default.map(Into::into),
                ..Variable::default()
            },
        )])
    };
    let parse = |default: Option<&str>| {
        let values = Values::new(&declared(default), &[], |_| None).unwrap();
        let entries = [
            "http://always.example".to_owned(),
            "{{ upstream }}".to_owned(),
        ];
        AllowedHosts::parse(&entries, &values, &[]).unwrap()
    };
    let given = parse(Some("http://api.example:8000"));
    assert!(given.allows("http", "api.example", Some(8000)));
    assert!(given.allows("http", "always.example", None));
    let empty = parse(Some(""));
    assert!(!empty.allows("http", "api.example", Some(8000)));
    assert!(empty.allows("http", "always.example", None));
    assert!(!parse(None).allows("http", "always.example", None));
}
