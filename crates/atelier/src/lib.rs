//! The embedded provider: procedural pictures, clips and films.
