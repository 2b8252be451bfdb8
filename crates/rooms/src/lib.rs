//! What a room turn does. Pure.
