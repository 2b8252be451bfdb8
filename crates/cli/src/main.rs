//! The binary `clash`.
fn main() {}
