//! `GET /api/projects/{id}/document`: the document as JSON, as a snapshot or as the updates since a
//! version, for everyone who may read the project (RM8).

use bytes::Bytes;
use guest::{Answer, Call, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use identity::Action;
use loro::VersionVector;
use problem::{Problem, Slug};
use rooms::Shown;
use rooms::room::read_version;
use store::rooms::Head;

use crate::outside::Outside;
use crate::project::{from_base64, missing, of_call, to_base64};
use crate::rooms_failed;
use crate::state::{Lent, warm};

/// The document's version vector, in base64.
const VERSION: HeaderName = HeaderName::from_static("loro-version");
/// The last entry of the room's log that is in it: the id of an event.
const HEAD: HeaderName = HeaderName::from_static("document-head");
/// A longer version is left out: clients bound the head of an answer at 8 KiB and more. Some five
/// hundred editors fit.
const VERSION_BYTES: usize = 6 * 1024;
/// Version vectors of callers: thousands of editors.
const FROM_BYTES: usize = 48 * 1024;
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// In which form a document is wanted.
enum Format {
    Json,
    Snapshot,
    Updates(VersionVector),
}

/// Show a project's document
///
/// The canvas as JSON: `nodes`, `edges`, `tasks`. With `format=snapshot` it is a Loro snapshot with
/// the whole history; with `format=updates` one Loro update with what is missing at the version
/// `from`. Updates that wait for what they build on are in neither.
#[utoipa::path(get, path = "/api/projects/{id}/document", operation_id = "getDocument", tag = "documents",
    params(("id" = String, Path, description = "The project's id"),
        ("format" = Option<String>, Query, description = "`json` (as without it), `snapshot` or `updates`"),
        ("from" = Option<String>, Query, description = "For `updates`: an encoded version vector in base64; everything without it"),
        ("If-None-Match" = Option<String>, Header, description = "Versions that the caller has")),
    responses(
        (status = 200, description = "The document as it is now. `ETag` names this version of it, `Loro-Version` is its version vector in base64 (left out when it is over 6 KiB), `Document-Head` the last entry of the log that is in it, which `…/events?after=` goes on from",
            content((Object = "application/json"), (String = "application/octet-stream"))),
        (status = 304, description = "It is that which the caller has")))]
pub async fn document(call: Call) -> Answer {
    let database = Lent::take().await?;
    let head = of_call(&*database, &call, Action::ReadProject).await?;
    let format = format_of(&call)?;
    let headers = call.request.headers();
    let known = etag(head.epoch, head.head_seq, &format);
    if guest::is_listed(headers, header::IF_NONE_MATCH, &known) {
        database.give_back();
        let unchanged = guest::empty(StatusCode::NOT_MODIFIED);
        return Ok(guest::of_version(unchanged, &known));
    }
    let shown = shown(&database, &head, &format).await?;
    database.give_back();
    let Shown {
        epoch,
        seq,
        version,
        value: mut response,
    } = shown.ok_or_else(|| missing(&head.room))?;
    let headers = response.headers_mut();
    headers.insert(HEAD, HeaderValue::from(seq));
    let version = to_base64(&version);
    if version.len() <= VERSION_BYTES
        && let Ok(version) = HeaderValue::try_from(version)
    {
        headers.insert(VERSION, version);
    }
    Ok(guest::of_version(response, &etag(epoch, seq, &format)))
}

async fn shown(
    database: &Lent,
    head: &Head,
    format: &Format,
) -> Result<Option<Shown<Response>>, Problem> {
    let (outside, warm) = (Outside::default(), warm());
    let shown = rooms::read(&**database, &warm, &outside, &head.room, |room| {
        Ok(match format {
            Format::Json => {
                let json = room.at_latest(canvas::json::to_json)?;
                guest::json(StatusCode::OK, &json)
            }
            Format::Snapshot => binary(room.snapshot()?),
            Format::Updates(from) => binary(room.updates_since(from)?),
        })
    });
    shown.await.map_err(rooms_failed)
}

fn binary(bytes: Vec<u8>) -> Response {
    let length = HeaderValue::from(bytes.len());
    let mut response = http::Response::new(guest::full(Bytes::from(bytes)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(header::CONTENT_TYPE, BINARY);
    response
}

fn format_of(call: &Call) -> Result<Format, Problem> {
    let refused = |detail: &str| Problem::new(Slug::BadRequest, detail);
    match call.query("format").as_deref() {
        None | Some("json") => Ok(Format::Json),
        Some("snapshot") => Ok(Format::Snapshot),
        Some("updates") => {
            // A `+` of the standard alphabet is a space in a query.
            let from = call.query("from").unwrap_or_default().replace(' ', "+");
            if from.len() > FROM_BYTES {
                return Err(refused("from: longer than a version vector may be"));
            }
            let version = from_base64(&from).and_then(|bytes| read_version(&bytes));
            let version = version.ok_or_else(|| refused("from: not a version vector in base64"))?;
            Ok(Format::Updates(version))
        }
        Some(_) => Err(refused("format: json, snapshot or updates")),
    }
}

/// One version has one name in each form. A project that was made anew counts from one again.
fn etag(epoch: i64, seq: i64, format: &Format) -> String {
    let form = match format {
        Format::Json => "j",
        Format::Snapshot => "s",
        Format::Updates(_) => "u",
    };
    format!("\"{epoch}-{seq}-{form}\"")
}
