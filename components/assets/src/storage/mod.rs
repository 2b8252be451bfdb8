//! Where bytes are: chunks in the database, or an object storage.

mod links;
pub mod mover;
mod objects;

use std::collections::VecDeque;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use guest::{Db, Streamed};
use media::range::{Piece, Range};
use problem::{Problem, Slug};
use store::assets::{self, CHUNK_BYTES, ObjectState};

pub use objects::{Failed, ObjectStorage, base64_of};

use crate::settings::Settings;
use crate::store_failed;

/// Where one asset's bytes are read from.
pub enum Source<'a> {
    Chunks { database: &'a Db, id: String },
    Object { objects: ObjectStorage, key: String },
}

impl<'a> Source<'a> {
    /// Finds out where an asset's bytes are now.
    pub async fn of(
        database: &'a Db,
        settings: &Settings,
        tenant: &str,
        id: &str,
    ) -> Result<Self, Problem> {
        let object = assets::object(database, tenant, id)
            .await
            .map_err(store_failed)?;
        let is_outside = object.is_some_and(|object| object.state == ObjectState::Stored);
        match (is_outside, &settings.objects) {
            (false, _) => Ok(Self::Chunks {
                database,
                id: id.to_owned(),
            }),
            (true, Some(objects)) => Ok(Self::Object {
                key: objects.key(tenant, id),
                objects: objects.clone(),
            }),
            (true, None) => Err(Problem::new(
                Slug::Unavailable,
                "the asset lies in an object storage, which is not configured any more",
            )),
        }
    }

    /// The whole file, for sizes that may be held.
    pub async fn whole(self, size: u64) -> Result<Vec<u8>, String> {
        let mut file = Vec::new();
        let pieces = VecDeque::from([Piece::Bytes(Range::whole(size))]);
        let mut reading = Reading {
            place: match self {
                Self::Chunks { database, id } => Place::Borrowed { database, id },
                Self::Object { objects, key } => Place::Object { objects, key },
            },
            pieces,
            open: None,
        };
        while let Some(bytes) = reading.next().await? {
            file.extend_from_slice(&bytes);
        }
        Ok(file)
    }
}

/// The pieces of an answer's body, read as the client takes them.
pub fn stream(
    database: Db,
    source: Found,
    pieces: Vec<Piece>,
) -> impl Stream<Item = Result<Bytes, String>> {
    let place = match source {
        Found::Chunks(id) => Place::Owned { database, id },
        Found::Object { objects, key } => Place::Object { objects, key },
    };
    let reading = Reading {
        place,
        pieces: pieces.into(),
        open: None,
    };
    futures::stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        match reading.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(reading))),
            Ok(None) => None,
            Err(cause) => Some((Err(cause), None)),
        }
    })
    .fuse()
}

/// A source without the connection that found it.
pub enum Found {
    Chunks(String),
    Object { objects: ObjectStorage, key: String },
}

impl Source<'_> {
    pub fn found(self) -> Found {
        match self {
            Self::Chunks { id, .. } => Found::Chunks(id),
            Self::Object { objects, key } => Found::Object { objects, key },
        }
    }
}

enum Place<'a> {
    Owned { database: Db, id: String },
    Borrowed { database: &'a Db, id: String },
    Object { objects: ObjectStorage, key: String },
}

struct Reading<'a> {
    place: Place<'a>,
    pieces: VecDeque<Piece>,
    /// An object that is being read, with how much of the piece is to come.
    open: Option<(Streamed, u64)>,
}

impl Reading<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, String> {
        if let Some((streamed, left)) = &mut self.open {
            match streamed.chunk().await {
                Ok(Some(bytes)) => {
                    let bytes = bytes.slice(
                        ..bytes
                            .len()
                            .min(usize::try_from(*left).unwrap_or(usize::MAX)),
                    );
                    *left -= bytes.len() as u64;
                    if *left == 0 {
                        self.open = None;
                    }
                    return Ok(Some(bytes));
                }
                Ok(None) => return Err("the object is shorter than it was".into()),
                Err(error) => return Err(error.to_string()),
            }
        }
        let range = match self.pieces.pop_front() {
            None => return Ok(None),
            Some(Piece::Text(text)) => return Ok(Some(Bytes::from(text))),
            Some(Piece::Bytes(range)) => range,
        };
        if range.length == 0 {
            return Ok(Some(Bytes::new()));
        }
        let (database, id) = match &self.place {
            Place::Owned { database, id } => (database, id),
            Place::Borrowed { database, id } => (*database, id),
            Place::Object { objects, key } => {
                let streamed = objects.get(key, range).await.map_err(|e| e.to_string())?;
                self.open = Some((streamed, range.length));
                return Ok(Some(Bytes::new()));
            }
        };
        let bytes = read_chunk(database, id, range).await?;
        let left = Range {
            first: range.first + bytes.len() as u64,
            length: range.length - bytes.len() as u64,
        };
        if left.length > 0 {
            self.pieces.push_front(Piece::Bytes(left));
        }
        Ok(Some(bytes))
    }
}

/// The beginning of a range, as far as it lies in one chunk.
async fn read_chunk(database: &Db, id: &str, range: Range) -> Result<Bytes, String> {
    let part = range.first / CHUNK_BYTES as u64;
    let start = (range.first % CHUNK_BYTES as u64) as usize;
    let chunk = assets::chunk(database, id, part as i64)
        .await
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("asset {id} lacks part {part}"))?;
    let chunk = Bytes::from(chunk);
    let wanted = usize::try_from(range.length).unwrap_or(usize::MAX);
    let stop = chunk.len().min(start.saturating_add(wanted));
    if start >= stop {
        return Err(format!("part {part} of asset {id} is short"));
    }
    Ok(chunk.slice(start..stop))
}
