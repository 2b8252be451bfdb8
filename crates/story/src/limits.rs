//! The bounds of a story, each with its reason.

/// A story file is text: 1 MiB holds the longest screenplay several times over.
pub const FILE_BYTES: usize = 1024 * 1024;

/// Shots of one story. A feature film has about 1,000.
pub const SHOTS: usize = 1_000;

/// Characters of one cell: a page of description is enough for a shot.
pub const CELL_CHARS: usize = 4_000;

/// A shot of under half a second is a flash that no clip generator makes.
pub const SHORTEST_SHOT_S: f64 = 0.5;

/// Longer takes are beyond every clip generator; they are written as several shots.
pub const LONGEST_SHOT_S: f64 = 30.0;

/// What an empty duration means.
pub const DEFAULT_SHOT_S: f64 = 4.0;
