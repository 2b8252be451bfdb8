//! Server health and choice. Pure.
