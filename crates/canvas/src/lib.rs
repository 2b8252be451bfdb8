//! Typed view of the Loro document and the life cycle of its nodes. Pure.
