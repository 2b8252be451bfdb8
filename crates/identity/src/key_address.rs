//! Where an issuer's keys may be fetched. The manifest lets only `jwks_host` through; but that may be
//! a pattern, and no pattern opens this machine or its network: those are named one by one.

use std::net::IpAddr;

/// Refuses addresses that are no web address, and private ones that `jwks_host` does not name.
pub fn check(url: &str, jwks_host: &str) -> Result<(), String> {
    let uri: http::Uri = url.parse().map_err(|_| "it is not a web address")?;
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if host.is_empty() || authority.contains('@') {
        return Err("it is not a web address".into());
    }
    let is_named = host_of(jwks_host) == host;
    match uri.scheme_str() {
        Some("https") => {}
        // Without TLS anybody on the way could put in a key of their own.
        Some("http") if is_named && is_private(&host) => {}
        _ => return Err("keys are fetched by https".into()),
    }
    match is_private(&host) && !is_named {
        true => Err("it is a private address, which jwks_host does not name".into()),
        false => Ok(()),
    }
}

/// The host of an entry of `allowed_outbound_hosts`.
fn host_of(entry: &str) -> String {
    let rest = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    let end = match rest.find(']') {
        Some(end) => end + 1,
        None => rest.find([':', '/']).unwrap_or(rest.len()),
    };
    rest[..end].to_ascii_lowercase()
}

/// Names without a dot and those of local networks, and every address that is written as a number:
/// an issuer of the world has a name.
fn is_private(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let last = host.rsplit('.').next().unwrap_or(host);
    bare.parse::<IpAddr>().is_ok()
        || !host.contains('.')
        || last.bytes().all(|byte| byte.is_ascii_digit())
        || last.starts_with("0x")
        || matches!(
            last,
            "localhost" | "local" | "internal" | "lan" | "home" | "arpa"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw2_addresses_of_keys_by_a_table() {
        let table = [
            (
                "https://issuer.example/jwks",
                "https://issuer.example",
                true,
            ),
            ("https://issuer.example/jwks", "https://*.example", true),
            ("http://issuer.example/jwks", "http://issuer.example", false),
            ("http://127.0.0.1:9000/jwks", "http://127.0.0.1:9000", true),
            ("http://[::1]:9000/jwks", "http://[::1]:9000", true),
            ("https://127.0.0.1/jwks", "https://*", false),
            ("https://localhost/jwks", "https://*", false),
            ("https://169.254.169.254/jwks", "https://*", false),
            ("https://2130706433/jwks", "https://*", false),
            ("https://127.1/jwks", "https://*", false),
            ("https://tasks.spin.internal/jwks", "https://*", false),
            (
                "https://idp.corp.internal/jwks",
                "https://idp.corp.internal",
                true,
            ),
            (
                "https://user@issuer.example/jwks",
                "https://issuer.example",
                false,
            ),
            ("file:///etc/passwd", "*://*:*", false),
            ("/jwks", "https://*", false),
            ("", "https://*", false),
        ];
        for (url, jwks_host, expected) in table {
            assert_eq!(check(url, jwks_host).is_ok(), expected, "{url} {jwks_host}");
        }
    }
}
