//! A story as a table: comma, semicolon or tab separated values with a line of headings.

use csv::{ByteRecord, ReaderBuilder};

use crate::columns::Column;
use crate::error::{Reason, StoryError};
use crate::{Shot, Story, limits, vocabulary};

/// Reads a story. `name` is what errors call the file.
///
/// The first line names the columns, in any order; only `description` is required. A byte-order
/// mark, empty rows and CRLF are accepted.
pub fn read_csv(name: &str, bytes: &[u8]) -> Result<Story, StoryError> {
    let fault = |line, column, reason| StoryError {
        name: name.to_owned(),
        line,
        column,
        reason,
    };
    if bytes.len() > limits::FILE_BYTES {
        return Err(fault(None, None, Reason::FileTooLarge(bytes.len())));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rows = Rows::new(bytes);
    let Some(head) = rows.next() else {
        return Err(fault(None, None, Reason::Empty));
    };
    let columns =
        read_head(&head).map_err(|(column, reason)| fault(Some(head.line), column, reason))?;

    let mut shots: Vec<Shot> = Vec::new();
    for row in rows {
        if shots.len() == limits::SHOTS {
            return Err(fault(Some(row.line), None, Reason::TooManyShots));
        }
        let shot = read_shot(&row, &columns, &shots);
        shots.push(shot.map_err(|(column, reason)| fault(Some(row.line), column, reason))?);
    }
    if shots.is_empty() {
        return Err(fault(Some(head.line), None, Reason::NoShots));
    }
    Ok(Story { shots })
}

/// A fault inside a known row: the cell, counted from 1, and what is wrong.
type Fault = (Option<usize>, Reason);

struct Row {
    line: u64,
    cells: ByteRecord,
}

/// The rows that are not empty, with the lines on which they begin.
struct Rows<'a> {
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    /// Position and line up to which line ends are counted.
    counted: (usize, u64),
}

impl<'a> Rows<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut reader = ReaderBuilder::new();
        reader
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(bytes));
        Self {
            bytes,
            reader: reader.from_reader(bytes),
            counted: (0, 1),
        }
    }

    /// The line of a byte. The reader's own count is of where it stopped, before any empty lines.
    fn line_of(&mut self, start: usize) -> u64 {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let (from, line) = self.counted;
        let passed = self.bytes.get(from..start + blank).unwrap_or_default();
        let line = line + passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.counted = (start + blank, line);
        line
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            let start = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
            let mut cells = ByteRecord::new();
            // Reading bytes from memory with any number of cells has no way to fail.
            if !self.reader.read_byte_record(&mut cells).unwrap_or(false) {
                return None;
            }
            let line = self.line_of(start);
            if cells.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                return Some(Row { line, cells });
            }
        }
    }
}

/// What separates cells: of the three usual ones, that which the headings hold most of.
fn delimiter(bytes: &[u8]) -> u8 {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let head = bytes
        .split(is_end)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let count = |delimiter: u8| head.iter().filter(|byte| **byte == delimiter).count();
    // The comma is last because the last of equals wins.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|delimiter| count(*delimiter))
        .unwrap_or(b',')
}

fn text(cell: &[u8], number: usize) -> Result<&str, Fault> {
    let text = std::str::from_utf8(cell).map_err(|_| (Some(number), Reason::NotUtf8))?;
    Ok(text.trim())
}

fn read_head(head: &Row) -> Result<Vec<Column>, Fault> {
    let mut columns: Vec<Column> = Vec::new();
    for (index, cell) in head.cells.iter().enumerate() {
        let heading = text(cell, index + 1)?;
        let found = || heading.chars().take(60).collect();
        let column = Column::find(heading)
            .ok_or_else(|| (Some(index + 1), Reason::UnknownColumn { found: found() }))?;
        if columns.contains(&column) {
            return Err((Some(index + 1), Reason::RepeatedColumn(column)));
        }
        columns.push(column);
    }
    if !columns.contains(&Column::Description) {
        return Err((None, Reason::MissingColumn(Column::Description)));
    }
    Ok(columns)
}

fn read_shot(row: &Row, columns: &[Column], before: &[Shot]) -> Result<Shot, Fault> {
    if row.cells.len() != columns.len() {
        let hint = if row.cells.len() > columns.len() {
            "text with a comma in it goes in double quotes"
        } else {
            "is a cell missing, or a double quote left open?"
        };
        return Err((
            None,
            Reason::CellCount {
                found: row.cells.len(),
                named: columns.len(),
                hint,
            },
        ));
    }
    let mut shot = Shot {
        scene: before
            .last()
            .map_or_else(|| "1".into(), |shot| shot.scene.clone()),
        shot: (before.len() + 1).to_string(),
        shot_size: None,
        camera_move: None,
        description: String::new(),
        dialogue: None,
        duration_s: limits::DEFAULT_SHOT_S,
        lighting: None,
        sound: None,
        transition: None,
        image: None,
    };
    for (index, (cell, column)) in row.cells.iter().zip(columns).enumerate() {
        let number = index + 1;
        let text = text(cell, number)?;
        check_cell(*column, text).map_err(|reason| (Some(number), reason))?;
        if text.is_empty() {
            continue;
        }
        let own = || Some(text.to_owned());
        match column {
            Column::Scene => shot.scene = text.to_owned(),
            Column::Shot => shot.shot = text.to_owned(),
            Column::ShotSize => shot.shot_size = Some(vocabulary::shot_size(text)),
            Column::CameraMove => shot.camera_move = Some(vocabulary::camera_move(text)),
            Column::Description => shot.description = text.to_owned(),
            Column::Dialogue => shot.dialogue = own(),
            Column::DurationS => {
                shot.duration_s = seconds(text).map_err(|reason| (Some(number), reason))?
            }
            Column::Lighting => shot.lighting = own(),
            Column::Sound => shot.sound = own(),
            Column::Transition => shot.transition = Some(vocabulary::transition(text)),
            Column::Image => shot.image = own(),
        }
    }
    Ok(shot)
}

fn check_cell(column: Column, text: &str) -> Result<(), Reason> {
    let chars = text.chars().count();
    if chars > limits::CELL_CHARS {
        return Err(Reason::CellTooLong { column, chars });
    }
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(Reason::ControlCharacter(column));
    }
    if column == Column::Description && text.is_empty() {
        return Err(Reason::EmptyCell(column));
    }
    Ok(())
}

/// `4`, `3.5`, `3,5`, `4s`, `4 s`.
fn seconds(text: &str) -> Result<f64, Reason> {
    let number = text
        .strip_suffix(['s', 'S'])
        .unwrap_or(text)
        .trim_end()
        .replace(',', ".");
    match number.parse::<f64>() {
        Ok(seconds) if (limits::SHORTEST_SHOT_S..=limits::LONGEST_SHOT_S).contains(&seconds) => {
            Ok(seconds)
        }
        _ => Err(Reason::Duration {
            found: text.chars().take(60).collect(),
        }),
    }
}
