//! `GET /assets/{id}`: media with ranges, ETag and conditional requests, and their thumbnails
//! (AS2, AS4).

use bytes::Bytes;
use guest::{Answer, Call, Db, Request, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use identity::{Action, asset_link};
use media::range::{Piece, Range, Wanted, multipart, parse};
use media::sniff::is_inline;
use media::thumbnail::SIDES;
use problem::{Problem, Slug};
use store::assets::{self, AssetRow, Thumbnail};

use super::catalogue::project_of;
use crate::settings::{Settings, settings};
use crate::storage::{Found, Source, stream};
use crate::thumbnails::{Made, make};
use crate::{no_asset, store_failed};

/// Bytes with a hash for a name never change.
const FOR_EVER: &str = "private, immutable, max-age=31536000";
/// A client may keep a redirection for half of the time that the link is good.
const FOR_A_WHILE: &str = "private, max-age=1800";

/// How often, and how long each time, a thumbnail is waited for.
const WAITS: usize = 20;
const WAIT_MS: u64 = 250;

/// Serve an asset
///
/// Opened by an access token or by a signed link. Understands one range and several
/// (`multipart/byteranges`), If-Range and If-None-Match. With an object storage that clients read
/// directly, the answer is a redirection to it.
#[utoipa::path(get, path = "/assets/{id}", operation_id = "getAsset", tag = "assets",
    params(
        ("id" = String, Path, description = "The sha256 of its bytes, in hex"),
        ("project" = String, Query, description = "The project that it belongs to"),
        ("thumb" = Option<u32>, Query, description = "A small picture instead: its longest side, 128, 256 or 512"),
        ("exp" = Option<i64>, Query, description = "Of a signed link"),
        ("sig" = Option<String>, Query, description = "Of a signed link")),
    responses(
        (status = 200, description = "Its bytes"),
        (status = 206, description = "Parts of them"),
        (status = 304, description = "They are those that the client has"),
        (status = 307, description = "They are elsewhere, at the address in Location"),
        (status = 401, description = "Neither a good link nor a good token"),
        (status = 403, description = "The caller may not read the project"),
        (status = 416, description = "The range lies outside"),
        (status = 422, description = "There is no thumbnail of this asset; the detail says why")))]
pub async fn asset(call: Call) -> Answer {
    let id = call.param("id").to_owned();
    if !assets::is_asset_id(&id) {
        return Err(no_asset(&id));
    }
    let project = project_of(&call)?;
    let thumb = thumb_of(&call)?;
    let request = call.request;
    let settings = settings().await?;
    let database = Db::open().await.map_err(store_failed)?;
    let tenant = match opened_by_link(&request, &project, &id).await? {
        true => store::projects::find(&database, &project)
            .await
            .map_err(store_failed)?
            .ok_or_else(|| no_asset(&id))?,
        false => {
            let claims = guest::authenticate(request.headers()).await?;
            guest::access::project(&database, &claims, Action::ReadProject, &project).await?
        }
    }
    .tenant;
    let asset = assets::find(&database, &project, &id)
        .await
        .map_err(store_failed)?
        .ok_or_else(|| no_asset(&id))?;
    match thumb {
        Some(side) => thumbnail(&database, &settings, &tenant, &asset, side, &request).await,
        None => whole(database, &settings, &tenant, &asset, &request).await,
    }
}

async fn whole(
    database: Db,
    settings: &Settings,
    tenant: &str,
    asset: &AssetRow,
    request: &Request,
) -> Answer {
    let headers = request.headers();
    let etag = format!("\"{}\"", asset.id);
    if matches_etag(headers, &etag) {
        return described(guest::empty(StatusCode::NOT_MODIFIED), asset, &etag);
    }
    let is_head = request.method() == Method::HEAD;
    let found = Source::of(&database, settings, tenant, &asset.id)
        .await?
        .found();
    if let Found::Object { objects, key } = &found
        && objects.is_presigning
        && !is_head
        // Our own components are not let out to it.
        && guest::require_service(headers).await.is_err()
    {
        let link = objects.link(key, &asset.media_type, is_inline(&asset.media_type));
        let mut response = guest::empty(StatusCode::TEMPORARY_REDIRECT);
        insert(response.headers_mut(), header::LOCATION, &link)?;
        insert(response.headers_mut(), header::CACHE_CONTROL, FOR_A_WHILE)?;
        return Ok(response);
    }
    let size = asset.size.max(0) as u64;
    let wanted = match headers.get(header::RANGE) {
        // RFC 9110 section 13.1.5: a range of another version is the whole.
        Some(_) if !if_range_holds(headers, &etag) => Wanted::Whole,
        Some(range) => parse(range.to_str().unwrap_or(""), size),
        None => Wanted::Whole,
    };
    let boundary = guest::new_id("part");
    let mut response = http::Response::new(guest::full(Bytes::new()));
    let (pieces, length) = match &wanted {
        Wanted::Whole => (vec![Piece::Bytes(Range::whole(size))], size),
        Wanted::One(range) => (vec![Piece::Bytes(*range)], range.length),
        Wanted::Several(ranges) => multipart(ranges, size, &asset.media_type, &boundary),
        Wanted::Outside => {
            let problem = Problem::new(
                Slug::RangeNotSatisfiable,
                format!("the asset has {size} bytes"),
            );
            return Err(problem.with_header("content-range", format!("bytes */{size}")));
        }
    };
    if !is_head {
        *response.body_mut() = guest::streaming(stream(database, found, pieces));
    }
    if wanted != Wanted::Whole {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let mut response = described(response, asset, &etag)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    match &wanted {
        Wanted::One(range) => insert(headers, header::CONTENT_RANGE, &range.content_range(size))?,
        Wanted::Several(_) => {
            let media_type = format!("multipart/byteranges; boundary={boundary}");
            insert(headers, header::CONTENT_TYPE, &media_type)?;
        }
        Wanted::Whole | Wanted::Outside => {}
    }
    Ok(response)
}

async fn thumbnail(
    database: &Db,
    settings: &Settings,
    tenant: &str,
    asset: &AssetRow,
    side: u32,
    request: &Request,
) -> Answer {
    let etag = format!("\"{}-{side}\"", asset.id);
    if matches_etag(request.headers(), &etag) {
        return described(guest::empty(StatusCode::NOT_MODIFIED), asset, &etag);
    }
    let look = || async {
        assets::thumbnail(database, &asset.id, side.into())
            .await
            .map_err(store_failed)
    };
    let mut known = look().await?;
    // While another picture is being made smaller here (this one perhaps), the next one waits.
    for _ in 0..WAITS {
        if known != Thumbnail::Unknown {
            break;
        }
        if make(database, settings, tenant, asset).await? == Made::Busy {
            guest::sleep_ms(WAIT_MS).await;
        }
        known = look().await?;
    }
    let row = match known {
        Thumbnail::Made(row) => row,
        Thumbnail::None { reason } => return Err(Problem::new(Slug::Unprocessable, reason)),
        Thumbnail::Unknown => {
            return Err(Problem::new(
                Slug::Unavailable,
                "the thumbnail is being made",
            ));
        }
    };
    let length = row.bytes.len();
    let body = match *request.method() == Method::HEAD {
        true => guest::full(Bytes::new()),
        false => guest::full(row.bytes),
    };
    let small = AssetRow {
        media_type: row.media_type,
        ..asset.clone()
    };
    let mut response = described(http::Response::new(body), &small, &etag)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.remove(header::ACCEPT_RANGES);
    Ok(response)
}

fn thumb_of(call: &Call) -> Result<Option<u32>, Problem> {
    let Some(text) = call.query("thumb") else {
        return Ok(None);
    };
    match text.parse() {
        Ok(side) if SIDES.contains(&side) => Ok(Some(side)),
        _ => Err(Problem::new(
            Slug::BadRequest,
            format!("thumb: one of {SIDES:?}"),
        )),
    }
}

/// True when the request carries a signed link that is valid; a wrong one is refused.
async fn opened_by_link(request: &Request, project: &str, id: &str) -> Result<bool, Problem> {
    let uri = request.uri();
    let (Some(exp_s), Some(signature)) = (guest::query(uri, "exp"), guest::query(uri, "sig"))
    else {
        return Ok(false);
    };
    let secret = guest::secret().await?;
    let valid = exp_s.parse().is_ok_and(|exp_s| {
        asset_link::is_valid(&secret, project, id, exp_s, &signature, guest::now_s())
    });
    if valid {
        Ok(true)
    } else {
        Err(Problem::new(
            Slug::Unauthorized,
            "the link has expired or is not valid",
        ))
    }
}

/// What all answers with an asset say of it.
fn described(mut response: Response, asset: &AssetRow, etag: &str) -> Result<Response, Problem> {
    let headers = response.headers_mut();
    insert(headers, header::CONTENT_TYPE, &asset.media_type)?;
    insert(headers, header::ETAG, etag)?;
    insert(headers, header::ACCEPT_RANGES, "bytes")?;
    insert(headers, header::CACHE_CONTROL, FOR_EVER)?;
    insert(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff")?;
    if !is_inline(&asset.media_type) {
        insert(headers, header::CONTENT_DISPOSITION, "attachment")?;
    }
    Ok(response)
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) -> Result<(), Problem> {
    let value = HeaderValue::from_str(value).map_err(|error| {
        guest::log_error("header", &error);
        Problem::new(Slug::Internal, "the asset's description is broken")
    })?;
    headers.insert(name, value);
    Ok(())
}

fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    let listed = headers.get(header::IF_NONE_MATCH);
    let listed = listed.and_then(|value| value.to_str().ok());
    listed.is_some_and(|listed| {
        listed.split(',').any(|one| {
            let one = one.trim();
            one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag
        })
    })
}

fn if_range_holds(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(header::IF_RANGE)
        .is_none_or(|value| value.as_bytes() == etag.as_bytes())
}
