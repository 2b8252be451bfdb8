//! The tasks component.
