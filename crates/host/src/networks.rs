//! Networks that guests may not reach, whatever name led there: `block_networks` of the runtime
//! configuration. Names are looked at once they are resolved, so that a name of the outside that
//! points inside leads nowhere.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use ipnet::IpNet;
use tower_service::Service;

/// What the word `private` stands for: addresses that the public internet does not route.
const PRIVATE: [&str; 16] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// Networks that are blocked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks(Arc<[IpNet]>);

impl Networks {
    /// Reads networks in CIDR notation, single addresses, and the word `private`.
    pub(crate) fn parse(listed: &[String]) -> Result<Self, String> {
        let mut networks = Vec::new();
        for text in listed {
            if text == "private" {
                networks.extend(PRIVATE.iter().filter_map(|text| text.parse::<IpNet>().ok()));
                continue;
            }
            let network = text
                .parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            networks.push(network.map_err(|_| {
                format!(
                    "`outbound_networking.block_networks`: \"{text}\" is no network; write it like 10.0.0.0/8, 192.0.2.7 or private"
                )
            })?);
        }
        Ok(Self(networks.into()))
    }

    pub(crate) fn blocks(&self, address: IpAddr) -> bool {
        // An IPv4 address in the clothes of IPv6 leads to the same machine.
        let plain = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        self.0
            .iter()
            .any(|network| network.contains(&address) || network.contains(&plain))
    }

    /// Whether the host of a URL is an address that is blocked. Names are left to the resolver.
    pub(crate) fn blocks_host(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse().is_ok_and(|address| self.blocks(address))
    }
}

/// The system's resolver, without the addresses that are blocked.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    networks: Networks,
}

impl Resolver {
    pub(crate) fn new(networks: Networks) -> Self {
        Self {
            system: GaiResolver::new(),
            networks,
        }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Pin::new(&mut self.system).get_mut().poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let networks = self.networks.clone();
        let resolved = self.system.call(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolved.await?.collect();
            let (blocked, open): (Vec<_>, Vec<_>) = found
                .into_iter()
                .partition(|address| networks.blocks(address.ip()));
            if open.is_empty() && !blocked.is_empty() {
                return Err(prohibited());
            }
            Ok(open.into_iter())
        })
    }
}

/// The error of a name that leads to blocked addresses alone.
pub(crate) fn prohibited() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "the address is in a network that is blocked",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rg5_blocked_networks_by_a_table() {
        let of = |listed: &[&str]| {
            let listed: Vec<_> = listed.iter().map(|text| (*text).to_owned()).collect();
            Networks::parse(&listed)
        };
        // What is listed, the host of a URL, blocked.
        for (listed, host, blocked) in [
            (&[][..], "127.0.0.1", false),
            (&["private"], "127.0.0.1", true),
            (&["private"], "127.9.9.9", true),
            (&["private"], "10.1.2.3", true),
            (&["private"], "172.31.0.1", true),
            (&["private"], "172.32.0.1", false),
            (&["private"], "192.168.0.1", true),
            (&["private"], "169.254.169.254", true),
            (&["private"], "100.64.0.1", true),
            (&["private"], "0.0.0.0", true),
            (&["private"], "[::1]", true),
            (&["private"], "[::]", true),
            (&["private"], "[fd12::1]", true),
            (&["private"], "[fe80::1]", true),
            (&["private"], "[::ffff:127.0.0.1]", true),
            (&["private"], "[2606:2800:220:1::1]", false),
            (&["private"], "93.184.216.34", false),
            (&["93.184.216.0/24"], "93.184.216.34", true),
            (&["93.184.216.34"], "93.184.216.34", true),
            (&["93.184.216.34"], "93.184.216.35", false),
            // A name is not an address.
            (&["private"], "localhost", false),
        ] {
            let networks = of(listed).expect("networks");
            assert_eq!(networks.blocks_host(host), blocked, "{host} by {listed:?}");
        }
        for wrong in ["10.0.0.0/33", "inside", "10.0.0", ""] {
            let why = of(&[wrong]).expect_err(wrong);
            assert!(why.contains("outbound_networking.block_networks"), "{why}");
        }
    }

    #[tokio::test]
    async fn rg5_a_name_that_leads_inside_leads_nowhere() {
        let name = || "localhost".parse::<Name>().expect("a name");
        let open = Resolver::new(Networks::default()).call(name()).await;
        assert!(open.is_ok_and(|found| found.count() > 0));
        let private = Networks::parse(&["private".to_owned()]).expect("networks");
        let refused = Resolver::new(private).call(name()).await;
        let why = refused.expect_err("nothing is left");
        assert_eq!(why.kind(), io::ErrorKind::PermissionDenied);
    }
}
