//! RFC 9457 problem+json.
