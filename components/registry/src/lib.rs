//! The registry component.
