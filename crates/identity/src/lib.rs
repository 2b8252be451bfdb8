//! Who asks: token claims, roles, signing and verifying. Pure.
