//! The guard against server-side request forgery (RG5): where the platform may be sent by what
//! others write. Pure: names are not resolved here. A name that resolves to the inside is stopped
//! by the platform below (`block_networks` of the runtime configuration), and redirects are never
//! followed.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::BadAddress;

/// Ports of the public internet that web servers use; under 1024 everything else belongs to other
/// protocols, which must not be talked to in HTTP.
const WEB_PORTS: [u16; 2] = [80, 443];
const FIRST_FREE_PORT: u16 = 1024;

/// The deployment's word on hosts, as `allowed_outbound_hosts` has it: `<scheme>://<host>[:<port>]`
/// with `*` for any of the three, several of them separated by commas or spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    scheme: Option<String>,
    host: HostPattern,
    /// None is any port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    Under(String),
    Exactly(String),
}

impl Allowed {
    /// Reads the patterns; what is not one allows nothing.
    pub fn parse(text: &str) -> Self {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        Self(words.filter_map(Pattern::parse).collect())
    }

    /// Whether a server may be at this address.
    ///
    /// An address inside (of this machine, of a private network, of no public use) must be named by
    /// the deployment itself; `*` means the public internet.
    ///
    /// # Errors
    /// Where it leads, in words for whoever wrote it.
    pub fn check(&self, url: &Url) -> Result<(), BadAddress> {
        let refuse = || BadAddress::Host(url.host_str().unwrap_or_default().to_owned());
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(refuse());
        };
        let place = place(&host);
        let named = self.0.iter().any(|pattern| pattern.names(url, port));
        let anywhere = self.0.iter().any(|pattern| pattern.matches(url, port));
        let is_web = WEB_PORTS.contains(&port) || port >= FIRST_FREE_PORT;
        match place {
            Place::Never => Err(refuse()),
            Place::Inside if named => Ok(()),
            Place::Public if named || (anywhere && is_web) => Ok(()),
            Place::Public if anywhere => Err(BadAddress::Port(port)),
            Place::Inside | Place::Public => Err(refuse()),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let port = match port {
            Some("*") => None,
            Some(number) => Some(number.parse().ok()?),
            None => Some(if scheme == "http" { 80 } else { 443 }),
        };
        let host = match host {
            "*" => HostPattern::Any,
            _ => match host.strip_prefix('*') {
                Some(suffix) => HostPattern::Under(suffix.to_ascii_lowercase()),
                None => HostPattern::Exactly(Host::parse(host).ok()?.to_string()),
            },
        };
        let scheme = (scheme != "*").then(|| scheme.to_owned());
        Some(Self { scheme, host, port })
    }

    fn matches(&self, url: &Url, port: u16) -> bool {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let host_matches = match &self.host {
            HostPattern::Any => true,
            HostPattern::Under(suffix) => host.ends_with(suffix.as_str()),
            HostPattern::Exactly(exactly) => host == exactly,
        };
        let scheme = self.scheme.as_deref();
        host_matches
            && scheme.is_none_or(|scheme| scheme == url.scheme())
            && self.port.is_none_or(|allowed| allowed == port)
    }

    /// Whether it means this very host.
    fn names(&self, url: &Url, port: u16) -> bool {
        self.host != HostPattern::Any && self.matches(url, port)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The application's own inside, and the clouds' metadata services: nobody's server.
    Never,
    Inside,
    Public,
}

fn place(host: &Host<&str>) -> Place {
    match host {
        Host::Domain(name) => of_name(name),
        Host::Ipv4(address) => of_v4(*address),
        Host::Ipv6(address) => of_v6(*address),
    }
}

fn of_name(name: &str) -> Place {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_or_under = |top: &str| {
        name.strip_suffix(top)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if ["spin.internal", "alt", "metadata.google.internal"]
        .iter()
        .any(|top| is_or_under(top))
    {
        Place::Never
    } else if !name.contains('.')
        || ["localhost", "local", "internal", "home.arpa", "onion"]
            .iter()
            .any(|top| is_or_under(top))
    {
        Place::Inside
    } else {
        Place::Public
    }
}

/// The registry of special-purpose addresses (RFC 6890 and its successors).
fn of_v4(address: Ipv4Addr) -> Place {
    let [a, b, c, _] = address.octets();
    if address.is_unspecified()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
    {
        return Place::Never;
    }
    let special = a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    if special {
        Place::Inside
    } else {
        Place::Public
    }
}

fn of_v6(address: Ipv6Addr) -> Place {
    if let Some(embedded) = embedded_v4(address) {
        return of_v4(embedded);
    }
    if address.is_unspecified() || address.is_multicast() || address.is_unicast_link_local() {
        return Place::Never;
    }
    let segments = address.segments();
    let global_unicast = segments[0] & 0xe000 == 0x2000;
    // Teredo hides an address of its own; the others are for documents and benchmarks.
    let special = segments[0] == 0x2001 && matches!(segments[1], 0 | 2 | 0xdb8)
        || segments[0] == 0x3fff && segments[1] < 0x1000;
    if global_unicast && !special {
        Place::Public
    } else {
        Place::Inside
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, translated (RFC 6052),
/// or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let of = |high: u16, low: u16| {
        let bits = (u32::from(high) << 16) | u32::from(low);
        Some(Ipv4Addr::from(bits))
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] => of(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => of(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => of(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rg5_addresses_by_a_table_of_tricks() {
        // The address; allowed by `*://*:*`; allowed by naming that very host.
        let table = [
            ("https://studio.example", true, true),
            ("https://studio.example:8443", true, true),
            ("http://93.184.216.34", true, true),
            ("http://[2606:2800:220:1::1]:8000", true, true),
            // Ports of other protocols.
            ("http://studio.example:22", false, true),
            ("http://studio.example:25", false, true),
            // This machine, in every spelling.
            ("http://127.0.0.1:8000", false, true),
            ("http://127.1", false, true),
            ("http://2130706433", false, true),
            ("http://0x7f.0.0.1", false, true),
            ("http://0177.0.0.1", false, true),
            ("http://017700000001", false, true),
            ("http://127.0.0.1.", false, true),
            ("http://１２７.0.0.1", false, true),
            ("http://localhost", false, true),
            ("http://LOCALHOST.", false, true),
            ("http://a.localhost", false, true),
            ("http://[::1]", false, true),
            ("http://[0:0:0:0:0:0:0:1]", false, true),
            ("http://[::ffff:127.0.0.1]", false, true),
            ("http://[::127.0.0.1]", false, true),
            ("http://[64:ff9b::7f00:1]", false, true),
            ("http://[2002:7f00:1::]", false, true),
            // Private networks.
            ("http://10.0.0.5", false, true),
            ("http://172.16.0.1", false, true),
            ("http://172.31.255.255", false, true),
            ("http://172.32.0.1", true, true),
            ("http://192.168.1.1", false, true),
            ("http://100.64.0.1", false, true),
            ("http://100.128.0.1", true, true),
            ("http://198.18.0.1", false, true),
            ("http://240.0.0.1", false, true),
            ("http://[fd00::1]", false, true),
            ("http://[2001:db8::1]", false, true),
            ("http://[2001::1]", false, true),
            ("http://gpu-7", false, true),
            ("http://gpu.local", false, true),
            ("http://gpu.internal", false, true),
            // Nobody's server, whatever the deployment says.
            ("http://0.0.0.0", false, false),
            ("http://[::]", false, false),
            ("http://169.254.169.254", false, false),
            ("http://0xa9fea9fe", false, false),
            ("http://[::ffff:a9fe:a9fe]", false, false),
            ("http://[fe80::1]", false, false),
            ("http://224.0.0.1", false, false),
            ("http://255.255.255.255", false, false),
            ("http://[ff02::1]", false, false),
            ("http://metadata.google.internal", false, false),
            ("http://sync.spin.internal", false, false),
            ("http://SYNC.SPIN.INTERNAL.", false, false),
            ("http://self.alt", false, false),
        ];
        let everything = Allowed::parse("*://*:*");
        for (text, by_star, by_name) in table {
            let url = Url::parse(text).expect(text);
            assert_eq!(everything.check(&url).is_ok(), by_star, "{text} by *");
            let host = url.host_str().expect("a host").trim_end_matches('.');
            let named = Allowed::parse(&format!("*://{host}:*"));
            assert_eq!(named.check(&url).is_ok(), by_name, "{text} by name");
            assert!(Allowed::default().check(&url).is_err(), "{text} by nothing");
        }
    }

    #[test]
    fn rg5_patterns_mean_scheme_host_and_port() {
        // Patterns, address, allowed.
        let table = [
            ("http://127.0.0.1:*", "http://127.0.0.1:8000", true),
            ("http://127.0.0.1:*", "https://127.0.0.1:8000", false),
            ("http://127.0.0.1:*", "http://127.0.0.2:8000", false),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000", true),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8001", false),
            ("http://127.0.0.1", "http://127.0.0.1", true),
            (
                "https://*.studio.example",
                "https://gpu.studio.example",
                true,
            ),
            ("https://*.studio.example", "https://studio.example", false),
            (
                "https://*.studio.example",
                "https://evilstudio.example",
                false,
            ),
            (
                "http://a.example, http://b.example",
                "http://b.example",
                true,
            ),
            ("http://[::1]:9", "http://[::1]:9", true),
            ("nonsense", "http://127.0.0.1", false),
            ("http://127.0.0.1:99999", "http://127.0.0.1", false),
            ("", "https://studio.example", false),
        ];
        for (patterns, text, allowed) in table {
            let url = Url::parse(text).expect(text);
            let found = Allowed::parse(patterns).check(&url).is_ok();
            assert_eq!(found, allowed, "{text} by {patterns:?}");
        }
    }
}
