//! What is wrong with a story, and where: `story.csv:4:7: duration_s must be …`.

use crate::columns::Column;
use crate::limits;

/// One fault of a story file. `Display` gives `name:line:column: reason`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name}{}: {reason}", place(*line, *column))]
pub struct StoryError {
    /// What the caller calls the file.
    pub name: String,
    /// Counted from 1. `None` when the fault is of the whole file.
    pub line: Option<u64>,
    /// The cell in its row, counted from 1. `None` when the fault is of the whole row.
    pub column: Option<usize>,
    pub reason: Reason,
}

fn place(line: Option<u64>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        (Some(line), None) => format!(":{line}"),
        _ => String::new(),
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Reason {
    #[error("the file has {0} bytes, at most {max} are allowed", max = limits::FILE_BYTES)]
    FileTooLarge(usize),
    #[error("the text is not UTF-8; save the table as \"CSV UTF-8\"")]
    NotUtf8,
    #[error(
        "the file is empty; its first line must name the columns, for example scene,shot,description,duration_s"
    )]
    Empty,
    #[error("unknown column {found:?}; the columns are {known}", known = Column::names())]
    UnknownColumn { found: String },
    #[error("{0} is named twice")]
    RepeatedColumn(Column),
    #[error("there is no column {0}, and every shot needs one")]
    MissingColumn(Column),
    #[error("the row has {found} cells and the first line names {named} columns; {hint}")]
    CellCount {
        found: usize,
        named: usize,
        hint: &'static str,
    },
    #[error("{0} must not be empty")]
    EmptyCell(Column),
    #[error(
        "duration_s must be a number between {min} and {max}, found {found:?}",
        min = limits::SHORTEST_SHOT_S,
        max = limits::LONGEST_SHOT_S
    )]
    Duration { found: String },
    #[error("{column} has {chars} characters, at most {max} are allowed", max = limits::CELL_CHARS)]
    CellTooLong { column: Column, chars: usize },
    #[error("{0} holds a control character")]
    ControlCharacter(Column),
    #[error("there are no shots below the first line")]
    NoShots,
    #[error("more than {max} shots; make several films of it", max = limits::SHOTS)]
    TooManyShots,
}
