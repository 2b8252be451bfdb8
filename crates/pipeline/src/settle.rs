//! A result becomes an asset, and the task ends (AS1, TK5).

use dispatch::{Command, Failure, policy};
use providers::{CallFailure, Product, Wanted};
use sha2::{Digest, Sha256};
use store::assets::{AssetRow, CHUNK_BYTES, MAX_BYTES, temporary_name};
use store::tasks::TaskRow;
use store::{Database, StoreError};

use crate::answer::failure_of;
use crate::apply::{Chunks, Extra, Media};
use crate::follow::wanted;
use crate::row::task_of;
use crate::submit::attempt_of;
use crate::{Applied, Body, Error, NoAnswer, Pipeline, World, sniff};

/// Media up to this size are held in memory and written in the transaction that shows them;
/// what is larger goes under a temporary name in pieces of this size.
const BUFFER_BYTES: usize = 8 * CHUNK_BYTES;

/// Why a result was not stored.
enum Unsettled {
    /// Fetching it again may work.
    Miss(Failure),
    /// It is gone, or it is not what it should be.
    Fail(Failure),
    /// Somebody else has settled or ended the task.
    Overtaken,
    Error(Error),
}

impl<E: Into<Error>> From<E> for Unsettled {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Fetches the result of a settling task and ends the task. What fails is tried again by tick.
    pub async fn settle(&self, row: TaskRow) -> Result<(), Error> {
        let attempt = attempt_of(&row)?;
        let temporary = temporary_name(&row.id, &self.world.unique());
        let media = match wanted(&row)? {
            Wanted::Text => Ok(None),
            Wanted::Media => self.fetch(&row, &temporary).await.map(Some),
        };
        let command = match &media {
            Ok(media) => Command::Settled {
                attempt,
                asset_id: media.as_ref().map(|media| media.asset.id.clone()),
            },
            Err(Unsettled::Miss(failure)) => Command::Miss {
                attempt,
                failure: failure.clone(),
            },
            Err(Unsettled::Fail(failure)) => Command::Fail {
                attempt,
                failure: failure.clone(),
                retry_after_ms: None,
            },
            Err(Unsettled::Overtaken) => return Ok(()),
            Err(Unsettled::Error(_)) => return media.err().map_or(Ok(()), into_error),
        };
        let media = media.ok().flatten();
        let stored = media.as_ref().and_then(Media::temporary_name).is_some();
        let extra = Extra {
            media: media.as_ref(),
            ..Extra::default()
        };
        let applied = self.apply_with(row, command, extra).await?;
        if stored && !matches!(applied, Applied::Done { .. }) {
            store::assets::delete_chunks(self.database, &temporary).await?;
        }
        Ok(())
    }

    async fn fetch(&self, row: &TaskRow, temporary: &str) -> Result<Media, Unsettled> {
        let Some(worker) = self.worker_of(row).await? else {
            return Err(Unsettled::Fail(gone(
                row,
                "the server that has the result was removed",
            )));
        };
        let product: Product = row
            .result
            .as_deref()
            .and_then(|result| serde_json::from_str(result).ok())
            .ok_or_else(|| StoreError::Shape(format!("result of task {}", row.id)))?;
        let url = product.url.unwrap_or_default();
        let request = worker
            .provider()
            .download(&url, &self.settings.allowed)
            .map_err(|error| match row.is_paid {
                // The deployment may not allow the place where results lie, and may yet.
                true => Unsettled::Miss(Failure::terminal(format!("result.url: {error}"))),
                false => nonsense(format!("result.url: {error}")),
            })?;
        let fetched = self.world.fetch(request).await;
        let response = fetched.map_err(|no_answer| match unfetched(no_answer) {
            Unsettled::Fail(failure) if row.is_paid => Unsettled::Miss(failure),
            unsettled => unsettled,
        })?;
        let status = response.status();
        if matches!(status.as_u16(), 404 | 410) {
            return Err(Unsettled::Fail(gone(row, "the provider lost the result")));
        }
        if status != http::StatusCode::OK {
            return Err(Unsettled::Miss(Failure::retryable(format!(
                "fetching the result was answered {status}"
            ))));
        }
        self.store(row, response.into_body(), temporary).await
    }

    /// Keeps a result whose bytes are in the report itself; `None` when somebody else has ended the
    /// task meanwhile.
    pub(crate) async fn keep(
        &self,
        row: &TaskRow,
        product: &Product,
    ) -> Result<Option<Result<Media, Failure>>, Error> {
        let url = product.url.as_deref().unwrap_or_default();
        let bytes = match providers::decoded(url) {
            Some(Ok(bytes)) => bytes,
            Some(Err(failure)) => return Ok(Some(Err(failure_of(failure)))),
            None => {
                let nonsense = CallFailure::nonsense("a result without bytes");
                return Ok(Some(Err(failure_of(nonsense))));
            }
        };
        let temporary = temporary_name(&row.id, &self.world.unique());
        match self.store(row, Held(Some(bytes)), &temporary).await {
            Ok(media) => Ok(Some(Ok(media))),
            Err(Unsettled::Miss(failure) | Unsettled::Fail(failure)) => Ok(Some(Err(failure))),
            Err(Unsettled::Overtaken) => Ok(None),
            Err(Unsettled::Error(error)) => Err(error),
        }
    }

    /// Reads the body to its end; the asset stays invisible until [`Self::settle`] shows it.
    async fn store(
        &self,
        row: &TaskRow,
        mut body: impl Body,
        temporary: &str,
    ) -> Result<Media, Unsettled> {
        let mut hash = Sha256::new();
        let mut size: u64 = 0;
        let mut buffer: Vec<u8> = Vec::new();
        let mut parts: i64 = 0;
        let mut media_type = None;
        let stored = loop {
            let piece = body.chunk().await.map_err(unfetched);
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => break Err(error),
            };
            let ended = piece.is_none();
            if let Some(piece) = piece {
                size += piece.len() as u64;
                if size > MAX_BYTES {
                    break Err(nonsense(format!("a result of more than {MAX_BYTES} bytes")));
                }
                hash.update(&piece);
                buffer.extend_from_slice(&piece);
            }
            if media_type.is_none() && (ended || buffer.len() >= sniff::NEEDED_BYTES) {
                match checked_type(row, &buffer) {
                    Ok(found) => media_type = Some(found),
                    Err(error) => break Err(error),
                }
            }
            if ended && parts == 0 {
                break Ok(Chunks::Whole(std::mem::take(&mut buffer)));
            }
            if (ended || buffer.len() >= BUFFER_BYTES)
                && let Err(error) = self
                    .spill(row, temporary, &mut parts, &mut buffer, ended)
                    .await
            {
                break Err(error);
            }
            if ended {
                break Ok(Chunks::Stored(temporary.to_owned()));
            }
        };
        let (chunks, media_type) = match (stored, media_type) {
            (Ok(chunks), Some(media_type)) => (chunks, media_type),
            (Ok(_), None) => return Err(nonsense("an empty result")),
            (Err(error), _) => {
                if parts > 0 {
                    store::assets::delete_chunks(self.database, temporary).await?;
                }
                return Err(error);
            }
        };
        let asset = AssetRow {
            project_id: row.project_id.clone(),
            id: hex::encode(hash.finalize()),
            media_type: media_type.to_owned(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            created_by: row.created_by.clone(),
            created_at_ms: self.world.now_ms(),
        };
        Ok(Media { asset, chunks })
    }

    /// Writes whole chunks of the buffer (at the end also the rest) and renews the claim.
    async fn spill(
        &self,
        row: &TaskRow,
        temporary: &str,
        parts: &mut i64,
        buffer: &mut Vec<u8>,
        ended: bool,
    ) -> Result<(), Unsettled> {
        let whole = if ended {
            buffer.len()
        } else {
            buffer.len() / CHUNK_BYTES * CHUNK_BYTES
        };
        for chunk in buffer[..whole].chunks(CHUNK_BYTES) {
            store::assets::insert_chunk(self.database, temporary, *parts, chunk.to_vec()).await?;
            *parts += 1;
        }
        buffer.drain(..whole);
        match self.hold(row, policy::SETTLE_HOLD_MS).await? {
            true => Ok(()),
            false => Err(Unsettled::Overtaken),
        }
    }
}

/// The media type by the bytes, if it is one that the kind promises.
fn checked_type(row: &TaskRow, bytes: &[u8]) -> Result<&'static str, Unsettled> {
    if bytes.is_empty() {
        return Err(nonsense("an empty result"));
    }
    let (family, name) = match task_of(row)?.kind.yields() {
        dispatch::Yield::Image => ("image/", "an image"),
        dispatch::Yield::Video => ("video/", "a video"),
        dispatch::Yield::Text => ("text/", "a text"),
    };
    match sniff::media_type(bytes) {
        Some(found) if found.starts_with(family) => Ok(found),
        Some(found) => Err(nonsense(format!("the result is {found}, not {name}"))),
        None => Err(nonsense(format!("the result is not {name}"))),
    }
}

/// Bytes that are there already, as a body.
struct Held(Option<Vec<u8>>);

impl Body for Held {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NoAnswer> {
        Ok(self.0.take())
    }
}

/// The result was there. What is paid for is not made again by itself.
fn gone(row: &TaskRow, message: &str) -> Failure {
    match row.is_paid {
        true => Failure::terminal(message),
        false => Failure::retryable(message),
    }
}

fn nonsense(what: impl std::fmt::Display) -> Unsettled {
    Unsettled::Fail(failure_of(CallFailure::nonsense(what)))
}

fn unfetched(no_answer: NoAnswer) -> Unsettled {
    match no_answer {
        NoAnswer::Forbidden(_) => Unsettled::Fail(Failure::terminal(format!(
            "the result cannot be fetched: {no_answer}"
        ))),
        NoAnswer::Unreachable(_) | NoAnswer::Lost(_) | NoAnswer::TooLong(_) => Unsettled::Miss(
            Failure::retryable(format!("fetching the result: {no_answer}")),
        ),
    }
}

fn into_error(unsettled: Unsettled) -> Result<(), Error> {
    match unsettled {
        Unsettled::Error(error) => Err(error),
        Unsettled::Miss(_) | Unsettled::Fail(_) | Unsettled::Overtaken => Ok(()),
    }
}
