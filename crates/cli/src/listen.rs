//! Listening, with words for what can be wrong.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::failure::{Failure, Outcome};

/// Binds an address; port 0 takes any free one.
pub async fn bind(address: SocketAddr) -> Outcome<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                let port = address.port();
                Failure::failed(format!(
                    "port {port} is taken: something else listens at {address}"
                ))
                .help("stop it, or choose another port with --listen (port 0 takes any free one)")
            }
            ErrorKind::PermissionDenied => {
                Failure::failed(format!("no permission to listen at {address}"))
                    .help("ports under 1024 are the system's; choose another with --listen")
            }
            ErrorKind::AddrNotAvailable => {
                Failure::failed(format!("{} is no address of this machine", address.ip()))
                    .help("listen at 127.0.0.1 (this machine only) or 0.0.0.0 (every network)")
            }
            _ => Failure::failed(format!("cannot listen at {address}: {error}")),
        })
}

/// The address that a listener really has.
pub fn address_of(listener: &TcpListener) -> Outcome<SocketAddr> {
    listener
        .local_addr()
        .map_err(|error| Failure::failed(format!("a socket has no address: {error}")))
}

/// How this machine itself reaches a listener: "every network" is no address to connect to.
pub fn local_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Raises the limit of open files, and says so when it is still too low for the limits of the edge.
pub fn fit_open_files(limits: &mut edge::Limits) {
    if let edge::OpenFiles::TooFew { allowed, wanted } = edge::raise_open_files(limits) {
        let (connections, requests) = (limits.connections, limits.requests);
        tracing::warn!(
            "the system allows {allowed} open files, so at most {connections} connections and \
             {requests} requests are served at a time; raise the hard limit to {wanted} for all \
             (`ulimit -Hn`, LimitNOFILE= of systemd)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn op2_a_taken_port_is_named() {
        let first = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .expect("a free port");
        let address = address_of(&first).expect("an address");
        let message = bind(address).await.unwrap_err().to_string();
        assert!(
            message.contains(&format!("port {} is taken", address.port())),
            "{message}"
        );
        assert!(message.contains("--listen"), "{message}");
    }

    #[test]
    fn op2_every_network_is_reached_through_loopback() {
        for (address, url) in [
            ("127.0.0.1:80", "http://127.0.0.1:80"),
            ("0.0.0.0:8788", "http://127.0.0.1:8788"),
            ("[::]:8788", "http://[::1]:8788"),
            ("10.0.0.7:1", "http://10.0.0.7:1"),
        ] {
            assert_eq!(local_url(address.parse().expect("an address")), url);
        }
    }
}
