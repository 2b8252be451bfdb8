//! A component's part of the OpenAPI document.

use http::Method;
use serde::{Deserialize, Serialize};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::path::{HttpMethod, PathItem, Paths};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};

use super::Access;

/// Paths and the schemas that they refer to.
#[derive(Default, Serialize, Deserialize)]
pub struct Document {
    pub paths: Paths,
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// The name of the scheme of access tokens.
pub const BEARER: &str = "bearer";
/// The schema of problems.
pub const PROBLEM: &str = "Problem";

/// Problems that many operations have in common; an operation's own words go first.
const COMMON: [(&str, &str); 10] = [
    ("400", "The request is malformed; the detail names the part"),
    ("401", "There is no access token, or it is not valid"),
    ("403", "The caller's role does not allow this"),
    (
        "404",
        "There is no such thing, or it is not the caller's to see",
    ),
    ("408", "The request did not arrive in time"),
    ("413", "The body is too large"),
    (
        "415",
        "The body has another media type than the operation takes",
    ),
    (
        "429",
        "Too many requests; Retry-After says when to come back",
    ),
    ("503", "Not now; Retry-After says when to come back"),
    ("507", "The disk is full: nothing was written"),
];

/// What `#[utoipa::path]` makes of a handler.
pub trait Described: utoipa::Path + SchemaReferences + Tags<'static> {}
impl<P: utoipa::Path + SchemaReferences + Tags<'static>> Described for P {}

pub(super) fn method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
        _ => Method::GET,
    }
}

/// Adds an operation, with what all operations of its kind have in common.
pub(super) fn add<P: Described>(access: Access, document: &mut Document) {
    let path = P::path();
    let mut operation = P::operation();
    operation.tags = Some(P::tags().into_iter().map(str::to_owned).collect());
    let takes_body = operation.request_body.is_some();
    for (status, description) in COMMON {
        let applies = match status {
            "401" | "403" => access == Access::Bearer,
            "404" => access == Access::Bearer || path.contains('{'),
            "408" | "413" | "415" => takes_body,
            _ => true,
        };
        if applies && !operation.responses.responses.contains_key(status) {
            let response = ResponseBuilder::new().description(description).build();
            let response = RefOr::T(response);
            operation
                .responses
                .responses
                .insert(status.to_owned(), response);
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response)
            && response.content.is_empty()
        {
            let media_type = problem::MEDIA_TYPE.to_owned();
            response
                .content
                .insert(media_type, problem_content().into());
        }
    }
    if access == Access::Bearer {
        let none: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new(BEARER, none)]);
    }
    for http_method in P::methods() {
        let item = PathItem::new(http_method, operation.clone());
        match document.paths.paths.get_mut(&path) {
            Some(known) => known.merge_operations(item),
            None => {
                document.paths.paths.insert(path.clone(), item);
            }
        }
    }
    P::schemas(&mut document.schemas);
}

fn problem_content() -> Content {
    Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(PROBLEM))))
}
