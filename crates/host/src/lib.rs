//! An embedded Spin-compatible host.
