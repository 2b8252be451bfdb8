//! Spin adapters: the only crate that knows the Spin SDK.
