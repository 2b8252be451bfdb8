//! Ids, Loro frames, the room-turn encoding and their limits. Knows no other crate of Master Clash.
