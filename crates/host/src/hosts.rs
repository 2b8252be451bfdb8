//! `allowed_outbound_hosts`: which addresses a component may call.

use std::net::IpAddr;
use std::ops::Range;

use url::Host;

use crate::variables::{Template, Values};

/// Names under this domain are components of the application.
const CHAINING_SUFFIX: &str = ".spin.internal";

/// The component that an address names, if it names one.
pub(crate) fn chained_component(host: &str) -> Option<&str> {
    host.strip_suffix(CHAINING_SUFFIX)
}

/// What a component may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedHosts(Result<Vec<Entry>, String>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// None is any scheme.
    scheme: Option<String>,
    host: HostPattern,
    port: PortPattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// The application's own address.
    Own,
    Exactly(Host),
    /// Any name that ends so; starts with a dot.
    Under(String),
    Network(IpAddr, u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PortPattern {
    Any,
    Exactly(u16),
    Between(Range<u16>),
}

impl AllowedHosts {
    /// Parses the manifest's entries. A malformed entry is an error; a variable without a value
    /// is not, but then nothing is allowed.
    pub(crate) fn parse(entries: &[String], values: &Values, components: &[&str]) -> Result<Self, String> {
        let mut allowed = Vec::new();
        let mut unresolved = None;
        for text in entries {
            let template = Template::parse(text)?;
            if template.is_literal() {
                allowed.push(Entry::parse(text)?);
                continue;
            }
            // As in Spin, one template needs the values of all variables.
            if !values.complete() {
                unresolved = Some("a required variable has no value".to_owned());
                continue;
            }
            match values.resolve(&template) {
                // An empty variable is an optional address that is not given.
                Ok(text) if matches!(text.as_str(), "" | "http://" | "https://") => {}
                Ok(text) => allowed.push(Entry::parse(&text)?),
                Err(reason) => unresolved = Some(reason),
            }
        }
        let allowed = allowed.into_iter().flat_map(|entry| entry.expand(components)).collect();
        Ok(Self(match unresolved {
            None => Ok(allowed),
            Some(reason) => Err(reason),
        }))
    }

    /// Whether a component may call this address.
    pub(crate) fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let Ok(host) = Host::parse(host) else {
            return false;
        };
        self.entries().iter().any(|entry| entry.allows(scheme, &host, port))
    }

    /// Whether a component may call its own application.
    pub(crate) fn allows_self(&self) -> bool {
        self.entries().iter().any(|entry| {
            matches!(entry.host, HostPattern::Any | HostPattern::Own)
                && entry.scheme.as_deref().is_none_or(|scheme| matches!(scheme, "http" | "https"))
        })
    }

    fn entries(&self) -> &[Entry] {
        match &self.0 {
            Ok(entries) => entries,
            Err(reason) => {
                tracing::warn!("outbound request denied: {reason}");
                &[]
            }
        }
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, String> {
        let refuse = |reason: &str| {
            format!("\"{text}\": {reason}; write <scheme>://<host>[:<port>], where each may be `*`")
        };
        let (scheme, rest) =
            text.trim().split_once("://").ok_or_else(|| refuse("the scheme is missing"))?;
        let scheme = match scheme {
            "*" => None,
            name if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic()) => {
                Some(name.to_owned())
            }
            _ => return Err(refuse("a scheme is made of letters")),
        };
        let (host, port) = split_port(rest);
        let port = match port.map(|port| port.strip_suffix('/').unwrap_or(port)) {
            None | Some("") => {
                let port = scheme.as_deref().and_then(default_port);
                PortPattern::Exactly(port.ok_or_else(|| refuse("this scheme needs a port"))?)
            }
            Some("*") => PortPattern::Any,
            Some(port) => {
                let number = |text: &str| {
                    text.parse::<u16>().map_err(|_| refuse("a port is a number, a range `1..9`, or `*`"))
                };
                match port.split_once("..") {
                    Some((first, end)) => PortPattern::Between(number(first)?..number(end)?),
                    None => PortPattern::Exactly(number(port)?),
                }
            }
        };
        let host = HostPattern::parse(host).map_err(refuse)?;
        Ok(Self { scheme, host, port })
    }

    /// `*.spin.internal` means each component of the application.
    fn expand(self, components: &[&str]) -> Vec<Self> {
        match &self.host {
            HostPattern::Under(suffix) if suffix == CHAINING_SUFFIX => components
                .iter()
                .map(|id| Self {
                    host: HostPattern::Exactly(Host::Domain(format!("{id}{CHAINING_SUFFIX}"))),
                    ..self.clone()
                })
                .collect(),
            _ => vec![self],
        }
    }

    fn allows(&self, scheme: &str, host: &Host, port: Option<u16>) -> bool {
        let port_allowed = match &self.port {
            PortPattern::Any => true,
            pattern => port.or_else(|| default_port(scheme)).is_some_and(|port| match pattern {
                PortPattern::Any => true,
                PortPattern::Exactly(exactly) => *exactly == port,
                PortPattern::Between(range) => range.contains(&port),
            }),
        };
        port_allowed
            && self.scheme.as_deref().is_none_or(|allowed| allowed == scheme)
            && self.host.allows(host)
    }
}

/// Splits off a port, but not the last group of an IPv6 address.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => (text, None),
        Some((_, tail)) if tail.contains(']') => (text, None),
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    }
}

impl HostPattern {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Own),
            _ => {}
        }
        if let Some((address, bits)) = text.split_once('/')
            && !bits.is_empty()
            && let Ok(address) = address.parse::<IpAddr>()
        {
            let bits: u8 = bits.parse().map_err(|_| "a network is written as 10.0.0.0/8")?;
            if bits > if address.is_ipv4() { 32 } else { 128 } {
                return Err("a network is written as 10.0.0.0/8");
            }
            return Ok(Self::Network(address, bits));
        }
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.contains('/') {
            return Err("there must be no path");
        }
        if let Some(domain) = text.strip_prefix("*.") {
            return match Host::parse(domain) {
                Ok(Host::Domain(domain)) if !domain.contains('*') => Ok(Self::Under(format!(".{domain}"))),
                _ => Err("a wildcard stands before a domain name, as in *.example.com"),
            };
        }
        if text.contains('*') {
            return Err("a wildcard stands for the whole host or before a domain name");
        }
        if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
            return Ok(Self::Exactly(Host::Ipv6(address)));
        }
        Host::parse(text).map(Self::Exactly).map_err(|_| "this is no host name")
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Own, _) => false,
            (Self::Exactly(exactly), host) => exactly == host,
            (Self::Under(suffix), Host::Domain(name)) => name.ends_with(suffix.as_str()),
            (Self::Network(network, bits), Host::Ipv4(address)) => {
                matches!(network, IpAddr::V4(network)
                    if prefix(u128::from(network.to_bits()) << 96, *bits)
                        == prefix(u128::from(address.to_bits()) << 96, *bits))
            }
            (Self::Network(network, bits), Host::Ipv6(address)) => {
                matches!(network, IpAddr::V6(network)
                    if prefix(network.to_bits(), *bits) == prefix(address.to_bits(), *bits))
            }
            (Self::Under(_), _) | (Self::Network(..), Host::Domain(_)) => false,
        }
    }
}

/// The first bits of an address that is written from the top.
fn prefix(address: u128, bits: u8) -> u128 {
    address.checked_shr(128 - u32::from(bits)).unwrap_or(0)
}

fn default_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" => 80,
        "https" => 443,
        "redis" => 6379,
        "postgres" => 5432,
        "mysql" => 3306,
        "mqtt" => 1883,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entry: &str) -> AllowedHosts {
        AllowedHosts::parse(&[entry.to_owned()], &Values::default(), &["api", "store"]).expect(entry)
    }

    #[test]
    fn op2_allowed_hosts_follow_spins_rules() {
        // entry, scheme, host, port, expected
        let cases = [
            ("http://example.com", "http", "example.com", None, true),
            ("http://example.com", "http", "example.com", Some(80), true),
            ("http://example.com", "http", "example.com", Some(8080), false),
            ("http://example.com", "https", "example.com", None, false),
            ("http://example.com/", "http", "example.com", None, true),
            ("http://EXAMPLE.com", "http", "example.com", None, true),
            ("*://example.com:*", "https", "example.com", Some(1), true),
            ("*://*:*", "http", "10.0.0.1", Some(9), true),
            ("https://*.example.com", "https", "a.example.com", None, true),
            ("https://*.example.com", "https", "a.b.example.com", None, true),
            ("https://*.example.com", "https", "example.com", None, false),
            ("https://*.example.com", "https", "badexample.com", None, false),
            ("http://127.0.0.1:8000..8010", "http", "127.0.0.1", Some(8009), true),
            ("http://127.0.0.1:8000..8010", "http", "127.0.0.1", Some(8010), false),
            ("http://10.0.0.0/8:80", "http", "10.200.3.4", None, true),
            ("http://10.0.0.0/8:80", "http", "11.0.0.1", None, false),
            ("http://10.0.0.0/8:80", "http", "example.com", None, false),
            ("http://[::1]:80", "http", "[::1]", Some(80), true),
            ("http://[::1]", "http", "[::1]", None, true),
            ("http://api.spin.internal", "http", "api.spin.internal", None, true),
            ("http://api.spin.internal", "http", "store.spin.internal", None, false),
            ("http://*.spin.internal", "http", "store.spin.internal", None, true),
            ("http://*.spin.internal", "http", "other.spin.internal", None, false),
            ("http://self", "http", "example.com", None, false),
        ];
        for (entry, scheme, host, port, expected) in cases {
            assert_eq!(allowed(entry).allows(scheme, host, port), expected, "{entry} {scheme}://{host}:{port:?}");
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
            "example.com", "*", "", "http://", "ftp://example.com", "http://a/b", "http://a:b", "http://a*b",
            "http://*.*.com", "h1://a:1", "http://a:1..x", "http://10.0.0.0/40:80",
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
                Variable { required: default.is_none(), default: default.map(Into::into), ..Variable::default() },
            )])
        };
        let parse = |default: Option<&str>| {
            let values = Values::new(&declared(default), &[], |_| None).unwrap();
            let entries = ["http://always.example".to_owned(), "{{ upstream }}".to_owned()];
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
}
