//! Stories in: a table of shots becomes a checked [`Story`]. Pure: it is given bytes and a name for
//! them, and knows nothing of files, canvases or films.

mod columns;
mod csv;
mod error;
pub mod limits;
mod vocabulary;

pub use crate::csv::read_csv;
pub use columns::Column;
pub use error::{Reason, StoryError};

use serde::{Deserialize, Serialize};

/// What a film is made from, in the order of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// At least one, at most [`limits::SHOTS`].
    pub shots: Vec<Shot>,
}

impl Story {
    /// How long the film will be, in seconds.
    pub fn duration_s(&self) -> f64 {
        self.shots.iter().map(|shot| shot.duration_s).sum()
    }
}

/// One row of the table: what one camera sees without a cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// The scene's name or number as written; the previous shot's when the cell is empty.
    pub scene: String,
    /// The shot's name or number as written; the row's number when the cell is empty.
    pub shot: String,
    /// Lower-case words joined by `-`: `extreme-wide`, `wide`, `medium`, `close-up`, or the author's own.
    pub shot_size: Option<String>,
    /// Lower-case words joined by `-`: `static`, `pan-left`, `push-in`, or the author's own.
    pub camera_move: Option<String>,
    /// What is seen. Never empty.
    pub description: String,
    pub dialogue: Option<String>,
    /// Between [`limits::SHORTEST_SHOT_S`] and [`limits::LONGEST_SHOT_S`].
    pub duration_s: f64,
    pub lighting: Option<String>,
    pub sound: Option<String>,
    /// Lower-case words joined by `-`: `cut`, `dissolve`, `fade-out`, or the author's own.
    pub transition: Option<String>,
    /// A picture that the author has already.
    pub image: Option<String>,
}
