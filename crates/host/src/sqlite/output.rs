//! Where the rows of a statement go.

use tokio::sync::{mpsc, oneshot};

use super::{Error, RowResult};

/// Rows that are handed over at once: most results are smaller and need one message.
const BATCH_ROWS: usize = 64;

/// Bytes after which rows are handed over, so that large values are not piled up.
const BATCH_BYTES: usize = 64 << 10;

/// Batches that wait for a slow reader before the statement waits too.
const BATCHES: usize = 4;

/// The beginning of a result: everything, when it is small.
#[derive(Debug)]
pub(super) struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<RowResult>,
    pub rest: Rest,
}

/// What follows the beginning of a result.
#[derive(Debug)]
pub(super) enum Rest {
    /// Nothing; this is how the statement ended.
    Ended(Result<(), Error>),
    /// More rows, then how the statement ended.
    Streaming(
        mpsc::Receiver<Vec<RowResult>>,
        oneshot::Receiver<Result<(), Error>>,
    ),
}

impl Answer {
    /// A statement that failed before its first row.
    pub(super) fn failed(error: Error) -> Self {
        Self {
            columns: Vec::new(),
            rows: Vec::new(),
            rest: Rest::Ended(Err(error)),
        }
    }
}

/// Why a row was not taken.
pub(super) enum Refused {
    /// Too many rows to be kept; the statement may be begun again.
    TooLarge,
    /// The reader is gone.
    Gone,
}

/// Takes the rows of a statement as they come.
pub(super) trait Output {
    fn columns(&mut self, columns: Vec<String>);
    /// Takes one row of so many bytes.
    fn push(&mut self, row: RowResult, bytes: usize, read_only: bool) -> Result<(), Refused>;
}

/// Keeps all rows of a small result.
#[derive(Default)]
pub(super) struct Kept {
    columns: Vec<String>,
    rows: Vec<RowResult>,
    bytes: usize,
}

impl Kept {
    pub(super) fn finish(self, result: Result<(), Error>) -> Answer {
        Answer {
            columns: self.columns,
            rows: self.rows,
            rest: Rest::Ended(result),
        }
    }
}

impl Output for Kept {
    fn columns(&mut self, columns: Vec<String>) {
        self.columns = columns;
    }

    fn push(&mut self, row: RowResult, bytes: usize, read_only: bool) -> Result<(), Refused> {
        self.bytes += bytes;
        self.rows.push(row);
        // What a statement that writes returns is kept whole: it cannot be run twice.
        if read_only && (self.rows.len() > BATCH_ROWS || self.bytes > BATCH_BYTES) {
            return Err(Refused::TooLarge);
        }
        Ok(())
    }
}

/// Hands rows over from a blocking thread: the first batch with the answer, the rest through a
/// channel.
pub(super) struct Handed {
    columns: Vec<String>,
    rows: Vec<RowResult>,
    bytes: usize,
    answer: Option<oneshot::Sender<Answer>>,
    more: Option<More>,
}

/// Where the rows after the first batch go, and how they ended.
struct More {
    batches: mpsc::Sender<Vec<RowResult>>,
    end: oneshot::Sender<Result<(), Error>>,
}

impl Output for Handed {
    fn columns(&mut self, columns: Vec<String>) {
        self.columns = columns;
    }

    fn push(&mut self, row: RowResult, bytes: usize, _: bool) -> Result<(), Refused> {
        self.rows.push(row);
        self.bytes += bytes;
        if self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.hand_over()?;
        }
        Ok(())
    }
}

impl Handed {
    pub(super) fn new(answer: oneshot::Sender<Answer>) -> Self {
        Self {
            columns: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
            answer: Some(answer),
            more: None,
        }
    }

    fn hand_over(&mut self) -> Result<(), Refused> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        if let Some(more) = &self.more {
            return more.batches.blocking_send(rows).map_err(|_| Refused::Gone);
        }
        let (batches, receiver) = mpsc::channel(BATCHES);
        let (end, ended) = oneshot::channel();
        self.more = Some(More { batches, end });
        let answer = self.answer.take().ok_or(Refused::Gone)?;
        let columns = std::mem::take(&mut self.columns);
        answer
            .send(Answer {
                columns,
                rows,
                rest: Rest::Streaming(receiver, ended),
            })
            .map_err(|_| Refused::Gone)
    }

    pub(super) fn finish(mut self, result: Result<(), Error>) {
        if self.more.is_some() && !self.rows.is_empty() {
            // A reader that is gone does not want to know.
            let _ = self.hand_over();
        }
        match (self.answer.take(), self.more.take()) {
            (Some(answer), _) => {
                let (columns, rows) = (self.columns, self.rows);
                let _ = answer.send(Answer {
                    columns,
                    rows,
                    rest: Rest::Ended(result),
                });
            }
            (None, Some(more)) => drop(more.end.send(result)),
            (None, None) => {}
        }
    }
}
