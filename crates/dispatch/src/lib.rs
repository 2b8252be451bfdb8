//! Task life cycle, retries, leases. Pure.
