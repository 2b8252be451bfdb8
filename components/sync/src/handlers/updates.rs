//! `POST /api/projects/{id}/updates`: updates that the caller's own document made (RM8).

use guest::{Answer, Call, Request};
use http::{StatusCode, header};
use identity::Action;
use problem::{Problem, Slug};
use protocol::limits;
use rooms::{Fate, Import, Imported};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::outside::Outside;
use crate::project::{from_base64, missing, of_call, to_base64};
use crate::state::{Lent, warm};
use crate::{after, rooms_failed};

/// Updates of one request; a client that has more merges them.
const UPDATES: usize = 256;
/// All of them in base64, each of which may be as large as one alone.
const JSON_BYTES: usize = limits::REASSEMBLED_BYTES / 3 * 4 + 64 * 1024;

/// Updates in base64
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Updates {
    /// 1 to 256, in the order in which they are imported.
    updates: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum UpdateStatus {
    /// It is part of the document.
    Applied,
    /// It is kept until what it builds on arrives.
    Pending,
    /// Everything in it was known.
    Known,
}

#[derive(Serialize, ToSchema)]
struct ImportedUpdates {
    /// The last entry of the room's log: the id of an event.
    head: i64,
    /// The document's version vector in base64.
    version: String,
    /// In the order of the updates.
    updates: Vec<UpdateStatus>,
}

/// Import updates into a document
///
/// One Loro update (or full snapshot) as it is, or several in JSON, all of them or none. They are
/// judged as those that members send: garbage is refused, what lacks its base is kept. Sending them
/// again does no harm.
#[utoipa::path(post, path = "/api/projects/{id}/updates", operation_id = "importUpdates", tag = "documents",
    params(("id" = String, Path, description = "The project's id")),
    request_body(content((String = "application/octet-stream"), (Updates = "application/json"))),
    responses(
        (status = 200, description = "They are saved", body = ImportedUpdates),
        (status = 409, description = "Too much waits for what it builds on; send that first"),
        (status = 422, description = "One of them is no update; the detail says which")))]
pub async fn import_updates(call: Call) -> Answer {
    let database = Lent::take().await?;
    let head = of_call(&*database, &call, Action::WriteProject).await?;
    let actor = call.claims()?.sub.clone();
    let updates = read(call.request).await?;
    let (outside, warm) = (Outside::default(), warm());
    let imported = rooms::import(&*database, &warm, &outside, &head.room, &actor, updates)
        .await
        .map_err(rooms_failed)?;
    database.give_back();
    match imported {
        Import::NoRoom => Err(missing(&head.room)),
        Import::Refused { at, fate } => Err(refused(at, fate)),
        Import::Done {
            head_seq,
            version,
            updates,
        } => {
            if head_seq > head.head_seq {
                after::changed(head.room, head_seq);
            }
            let updates = updates.into_iter().map(|imported| match imported {
                Imported::Applied => UpdateStatus::Applied,
                Imported::Pending => UpdateStatus::Pending,
                Imported::Known => UpdateStatus::Known,
            });
            let answer = ImportedUpdates {
                head: head_seq,
                version: to_base64(&version),
                updates: updates.collect(),
            };
            Ok(guest::json(StatusCode::OK, &answer))
        }
    }
}

async fn read(request: Request) -> Result<Vec<Vec<u8>>, Problem> {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.map(|value| value.split(';').next().unwrap_or("").trim());
    match media_type {
        Some("application/octet-stream") => {
            let body = guest::read_body(request, limits::REASSEMBLED_BYTES).await?;
            Ok(vec![body.to_vec()])
        }
        Some("application/json") => {
            let Updates { updates } = guest::read_json(request, JSON_BYTES).await?;
            if updates.is_empty() || updates.len() > UPDATES {
                let detail = format!("updates: 1 to {UPDATES}");
                return Err(Problem::new(Slug::Unprocessable, detail));
            }
            let decode = |(at, update): (usize, &String)| {
                let wrong =
                    || Problem::new(Slug::Unprocessable, format!("updates[{at}]: not base64"));
                from_base64(update).ok_or_else(wrong)
            };
            updates.iter().enumerate().map(decode).collect()
        }
        Some(_) | None => {
            let detail = "the body must be application/octet-stream or application/json";
            Err(Problem::new(Slug::UnsupportedMediaType, detail))
        }
    }
}

fn refused(at: usize, fate: Fate) -> Problem {
    match fate {
        Fate::TooLarge => {
            let bytes = limits::REASSEMBLED_BYTES;
            let detail = format!("updates[{at}]: longer than {bytes} bytes");
            Problem::new(Slug::PayloadTooLarge, detail)
        }
        Fate::TooMuchPending => {
            let detail = "too much waits for what it builds on already; send that first";
            Problem::new(Slug::Conflict, format!("updates[{at}]: {detail}"))
        }
        Fate::Append | Fate::NothingNew | Fate::Invalid => {
            let detail = format!("updates[{at}]: not a Loro update or full snapshot");
            Problem::new(Slug::Unprocessable, detail)
        }
    }
}
