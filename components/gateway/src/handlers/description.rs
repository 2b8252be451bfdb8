//! `/openapi.json`: what all components serve, as they themselves describe it, and `/docs`, which
//! shows it without anything from elsewhere (GW5).

use std::cell::RefCell;

use bytes::Bytes;
use futures::future::try_join_all;
use guest::api::{DESCRIPTION, Document};
use guest::{Answer, Call};
use http::{HeaderValue, Method, StatusCode, header};
use problem::{Problem, Slug};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, Tag};
use utoipa::{PartialSchema, ToSchema};

use crate::entrance::COMPONENTS;

const TAGS: [(&str, &str); 13] = [
    ("projects", "Projects: each has a canvas, tasks and assets"),
    (
        "documents",
        "What is on a project's canvas: read, edited and followed without its room",
    ),
    (
        "history",
        "What a project's document was, who changed it, and going back",
    ),
    ("tasks", "Work that is given to providers"),
    ("operations", "Queues, and what has failed in them"),
    (
        "assets",
        "Pictures, clips, films and whatever else was uploaded or made",
    ),
    (
        "members",
        "Who belongs to a project or a tenant, and invitations",
    ),
    ("accounts", "Log in and out; accounts of a tenant"),
    ("tenants", "Tenants, and what was done in them"),
    ("servers", "GPU servers and other providers"),
    ("providers", "What providers report"),
    ("uploads", "Resumable uploads (tus 1.0)"),
    ("platform", "The platform itself"),
];
/// Browsers and the edge may keep it for a minute: it changes with a new version alone.
const CACHING: &str = "public, max-age=60";
const PAGE: &str = include_str!("../../viewer/index.html");
const SCRIPT: &str = include_str!("../../viewer/viewer.js");
const STYLE: &str = include_str!("../../viewer/viewer.css");
/// The page loads its own script and style, and the description from here.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

thread_local! {
    // It cannot change while this instance lives.
    static WRITTEN: RefCell<Option<Bytes>> = const { RefCell::new(None) };
}

/// A problem (RFC 9457)
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code)]
struct ProblemSchema {
    /// The address of the page that explains this kind of problem.
    r#type: String,
    title: String,
    status: u16,
    /// What is wrong in this case.
    detail: String,
    /// The id of the request, by which it is found in the logs.
    instance: Option<String>,
}

/// Describe the API
#[utoipa::path(get, path = "/openapi.json", operation_id = "getDescription", tag = "platform",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object)))]
pub async fn openapi(_: Call) -> Answer {
    let kept = WRITTEN.with_borrow(Clone::clone);
    let bytes = match kept {
        Some(bytes) => bytes,
        None => {
            let bytes = Bytes::from(write().await?);
            WRITTEN.set(Some(bytes.clone()));
            bytes
        }
    };
    Ok(public(bytes, "application/json"))
}

/// Show the description of the API
#[utoipa::path(get, path = "/docs", operation_id = "getDocs", tag = "platform",
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
pub async fn docs(_: Call) -> Answer {
    let mut response = public(PAGE.into(), "text/html; charset=utf-8");
    let policy = HeaderValue::from_static(PAGE_POLICY);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// The script of the page
#[utoipa::path(get, path = "/docs/viewer.js", operation_id = "getDocsScript", tag = "platform",
    responses((status = 200, description = "JavaScript", content_type = "text/javascript", body = String)))]
pub async fn script(_: Call) -> Answer {
    Ok(public(SCRIPT.into(), "text/javascript; charset=utf-8"))
}

/// The style of the page
#[utoipa::path(get, path = "/docs/viewer.css", operation_id = "getDocsStyle", tag = "platform",
    responses((status = 200, description = "CSS", content_type = "text/css", body = String)))]
pub async fn style(_: Call) -> Answer {
    Ok(public(STYLE.into(), "text/css; charset=utf-8"))
}

fn public(bytes: Bytes, media_type: &'static str) -> guest::Response {
    let length = HeaderValue::from(bytes.len());
    let mut response = http::Response::new(guest::full(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHING));
    response
}

async fn write() -> Result<Vec<u8>, Problem> {
    let mut parts = vec![crate::describe()];
    parts.extend(try_join_all(COMPONENTS.map(ask)).await?);
    let info = InfoBuilder::new()
        .title("Master Clash")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "People and AI agents make videos together on one live canvas.",
        ))
        .contact(Some(
            ContactBuilder::new().name(Some("Master Clash")).build(),
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ));
    let mut api = OpenApi::new(info.build(), utoipa::openapi::Paths::new());
    let mut components = Components::new();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components
        .schemas
        .insert(ProblemSchema::name().into_owned(), ProblemSchema::schema());
    for part in parts {
        api.paths.merge(part.paths);
        components.schemas.extend(part.schemas);
    }
    api.components = Some(components);
    let tag = |(name, description): (&str, &str)| {
        let mut tag = Tag::new(name);
        tag.description = Some(description.to_owned());
        tag
    };
    api.tags = Some(TAGS.map(tag).to_vec());
    serde_json::to_vec(&api).map_err(|error| {
        guest::log_error("openapi", &error);
        Problem::new(Slug::Internal, "the description could not be written")
    })
}

async fn ask(component: &str) -> Result<Document, Problem> {
    let nothing = serde_json::Value::Null;
    let answer = guest::call_component(component, Method::GET, DESCRIPTION, &nothing).await;
    let failed = |cause: &dyn std::fmt::Display| {
        guest::log_error("openapi", &format!("{component}: {cause}"));
        Problem::new(
            Slug::UpstreamFailed,
            format!("the component {component} did not describe itself"),
        )
    };
    let answer = answer.map_err(|error| failed(&error))?;
    if answer.status() != StatusCode::OK {
        return Err(failed(&answer.status()));
    }
    serde_json::from_slice(answer.body()).map_err(|error| failed(&error))
}
