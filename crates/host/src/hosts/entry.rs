//! One entry of `allowed_outbound_hosts`: `<scheme>://<host>[:<port>]`.

use std::net::IpAddr;
use std::ops::Range;

use url::Host;

use super::CHAINING_SUFFIX;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// None is any scheme.
    pub scheme: Option<String>,
    pub host: HostPattern,
    port: PortPattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    Any,
    /// The application's own address.
    Own,
    Exactly(Host),
    /// Any name that ends so; starts with a dot.
    Under(String),
    Network(IpAddr, u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortPattern {
    Any,
    Exactly(u16),
    Between(Range<u16>),
}

impl Entry {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refuse = |reason: &str| {
            format!("\"{text}\": {reason}; write <scheme>://<host>[:<port>], where each may be `*`")
        };
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .ok_or_else(|| refuse("the scheme is missing"))?;
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
                    text.parse::<u16>()
                        .map_err(|_| refuse("a port is a number, a range `1..9`, or `*`"))
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
    pub(super) fn expand(self, components: &[&str]) -> Vec<Self> {
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

    pub(super) fn allows(&self, scheme: &str, host: &Host, port: Option<u16>) -> bool {
        let port_allowed = match &self.port {
            PortPattern::Any => true,
            pattern => port
                .or_else(|| default_port(scheme))
                .is_some_and(|port| match pattern {
                    PortPattern::Any => true,
                    PortPattern::Exactly(exactly) => *exactly == port,
                    PortPattern::Between(range) => range.contains(&port),
                }),
        };
        port_allowed
            && self
                .scheme
                .as_deref()
                .is_none_or(|allowed| allowed == scheme)
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
            let bits: u8 = bits
                .parse()
                .map_err(|_| "a network is written as 10.0.0.0/8")?;
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
                Ok(Host::Domain(domain)) if !domain.contains('*') => {
                    Ok(Self::Under(format!(".{domain}")))
                }
                _ => Err("a wildcard stands before a domain name, as in *.example.com"),
            };
        }
        if text.contains('*') {
            return Err("a wildcard stands for the whole host or before a domain name");
        }
        if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
            return Ok(Self::Exactly(Host::Ipv6(address)));
        }
        Host::parse(text)
            .map(Self::Exactly)
            .map_err(|_| "this is no host name")
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
