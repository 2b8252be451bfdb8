//! `GET /assets/{id}`: media with Range, ETag and conditional requests (AS2).

use bytes::Bytes;
use guest::{Answer, Call, Db, Request, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use identity::{Action, asset_link};
use problem::{Problem, Slug};
use store::assets::{self, AssetRow, CHUNK_BYTES};
use store::range::{Range, Wanted, parse};

use crate::store_failed;

/// Types that a browser may show in place; everything else is a download.
const INLINE: [&str; 6] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "video/mp4",
    "video/webm",
];

/// Serve an asset
#[utoipa::path(get, path = "/assets/{id}", operation_id = "getAsset", tag = "assets",
    params(
        ("id" = String, Path, description = "The sha256 of its bytes, in hex"),
        ("project" = String, Query, description = "The project that it belongs to")),
    responses((status = 200, description = "Its bytes")))]
pub async fn asset(call: Call) -> Answer {
    let id = &call.param("id").to_owned();
    let request = call.request;
    if !assets::is_asset_id(id) {
        return Err(no_asset(id));
    }
    let project = guest::query(request.uri(), "project")
        .ok_or_else(|| Problem::new(Slug::BadRequest, "the query parameter project is missing"))?
        .into_owned();
    let database = Db::open().await.map_err(store_failed)?;
    if !opened_by_link(&request, &project, id).await? {
        let claims = guest::authenticate(request.headers()).await?;
        guest::access::project(&database, &claims, Action::ReadProject, &project).await?;
    }
    let asset = assets::find(&database, &project, id)
        .await
        .map_err(store_failed)?
        .ok_or_else(|| no_asset(id))?;

    let etag = format!("\"{}\"", asset.id);
    if matches_etag(request.headers(), header::IF_NONE_MATCH, &etag) {
        return with_headers(guest::empty(StatusCode::NOT_MODIFIED), &asset, &etag);
    }
    let size = asset.size.max(0) as u64;
    let wanted = match request.headers().get(header::RANGE) {
        // RFC 9110 section 13.1.5: a range of another version is the whole.
        Some(_) if !if_range_holds(request.headers(), &etag) => Wanted::Whole,
        Some(range) => parse(range.to_str().unwrap_or(""), size),
        None => Wanted::Whole,
    };
    let (status, range) = match wanted {
        Wanted::Whole => (
            StatusCode::OK,
            Range {
                first: 0,
                length: size,
            },
        ),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Outside => {
            let problem = Problem::new(
                Slug::RangeNotSatisfiable,
                format!("the asset has {size} bytes"),
            );
            return Err(problem.with_header("content-range", format!("bytes */{size}")));
        }
    };
    let body = if request.method() == Method::HEAD {
        guest::full(Bytes::new())
    } else {
        guest::streaming(read(database, asset.id.clone(), range))
    };
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, range.length.into());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.first + range.length - 1;
        insert(
            headers,
            header::CONTENT_RANGE,
            &format!("bytes {}-{last}/{size}", range.first),
        )?;
    }
    with_headers(response, &asset, &etag)
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

/// The bytes of a range, chunk by chunk, as the client reads them.
fn read(
    database: Db,
    id: String,
    range: Range,
) -> impl futures::Stream<Item = Result<Bytes, String>> {
    let end = range.first + range.length;
    futures::stream::unfold(
        (database, id, range.first),
        move |(database, id, at)| async move {
            if at >= end {
                return None;
            }
            let part = at / CHUNK_BYTES as u64;
            let start = (at % CHUNK_BYTES as u64) as usize;
            let chunk = match assets::chunk(&database, &id, part as i64).await {
                Ok(Some(chunk)) => Bytes::from(chunk),
                Ok(None) => {
                    return Some((
                        Err(format!("asset {id} lacks part {part}")),
                        (database, id, end),
                    ));
                }
                Err(error) => return Some((Err(error.to_string()), (database, id, end))),
            };
            let stop = chunk
                .len()
                .min(start + usize::try_from(end - at).unwrap_or(usize::MAX));
            if start >= stop {
                return Some((
                    Err(format!("part {part} of asset {id} is short")),
                    (database, id, end),
                ));
            }
            let piece = chunk.slice(start..stop);
            let next = at + piece.len() as u64;
            Some((Ok(piece), (database, id, next)))
        },
    )
}

fn with_headers(mut response: Response, asset: &AssetRow, etag: &str) -> Result<Response, Problem> {
    let headers = response.headers_mut();
    insert(headers, header::CONTENT_TYPE, &asset.media_type)?;
    insert(headers, header::ETAG, etag)?;
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, immutable, max-age=31536000"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if !INLINE.contains(&asset.media_type.as_str()) {
        headers.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        );
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

fn matches_etag(headers: &HeaderMap, name: header::HeaderName, etag: &str) -> bool {
    let listed = headers.get(name).and_then(|value| value.to_str().ok());
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

fn no_asset(id: &str) -> Problem {
    Problem::new(
        Slug::NotFound,
        format!("there is no asset {id} in this project"),
    )
}
