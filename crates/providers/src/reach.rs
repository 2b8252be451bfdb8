//! What a host's error says of a call that got no answer. The names are those of WASI's
//! `wasi:http` error codes, which every host uses.

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody received it.
    Unreachable,
    /// The platform's own rules for outbound calls refuse it.
    Forbidden,
    /// It may have been received.
    Unknown,
}

const KNOWN: [(&str, Reach, &str); 8] = [
    (
        "HttpRequestDenied",
        Reach::Forbidden,
        "the deployment does not allow calls to this host",
    ),
    (
        "ConnectionRefused",
        Reach::Unreachable,
        "connection refused",
    ),
    (
        "DnsError",
        Reach::Unreachable,
        "the host name has no address",
    ),
    (
        "DnsTimeout",
        Reach::Unreachable,
        "the host name could not be looked up in time",
    ),
    ("DestinationNotFound", Reach::Unreachable, "no such host"),
    (
        "DestinationUnavailable",
        Reach::Unreachable,
        "the host is not available",
    ),
    (
        "DestinationIp",
        Reach::Forbidden,
        "the deployment does not allow calls to this address",
    ),
    (
        "ConnectionTimeout",
        Reach::Unreachable,
        "no connection in time",
    ),
];

/// Reads a host's error; the sentence is for people.
pub fn reach(error: &str) -> (Reach, String) {
    match KNOWN.iter().find(|(name, _, _)| error.contains(name)) {
        Some((_, reach, sentence)) => (*reach, (*sentence).to_owned()),
        None => (
            Reach::Unknown,
            format!(
                "the connection broke ({})",
                crate::failure::shortened(error)
            ),
        ),
    }
}
