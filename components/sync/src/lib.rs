//! The sync component.
