//! One call of an operation.

use identity::Claims;
use problem::{Problem, Slug};
use serde::de::DeserializeOwned;

use crate::Request;

/// Says, between the platform's own parts, what the id of a new object is made from.
pub const CREATION: &str = "x-clash-creation";

/// Says that an earlier try of the request was broken off, and may have created its object.
pub const CREATED_BEFORE: &str = "x-clash-created-before";

/// A request that was found to mean an operation, and who makes it.
pub struct Call {
    pub request: Request,
    claims: Option<Claims>,
    parameters: Vec<(String, String)>,
}

impl Call {
    pub fn new(
        request: Request,
        claims: Option<Claims>,
        parameters: Vec<(String, String)>,
    ) -> Self {
        Self {
            request,
            claims,
            parameters,
        }
    }

    /// Who calls; operations with [`super::Access::Bearer`] always have it.
    pub fn claims(&self) -> Result<&Claims, Problem> {
        self.claims
            .as_ref()
            .ok_or_else(|| Problem::new(Slug::Unauthorized, "this route needs a bearer token"))
    }

    /// The id of what this call creates: a new one, or the one that an earlier try of the same
    /// request made, which then exists already (GW8).
    pub fn new_id(&self, prefix: &str) -> String {
        match self
            .request
            .headers()
            .get(CREATION)
            .map(|seed| seed.as_bytes())
        {
            Some(seed) => crate::system::id_of(prefix, seed),
            None => crate::new_id(prefix),
        }
    }

    /// Whether an id of [`Self::new_id`] may exist already because of an earlier try.
    pub fn may_be_repeated(&self) -> bool {
        self.request.headers().contains_key(CREATED_BEFORE)
    }

    /// The trace that the request belongs to, as the gateway has checked it.
    pub fn trace_id(&self) -> Option<String> {
        let value = self.request.headers().get("traceparent")?.to_str().ok()?;
        let id = value.split('-').nth(1)?;
        (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
    }

    /// A parameter of the path; the empty string for one that the template does not have.
    pub fn param(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        crate::query(self.request.uri(), name)
    }

    /// The body as JSON of at most `limit` bytes.
    pub async fn json<T: DeserializeOwned>(self, limit: usize) -> Result<T, Problem> {
        crate::read_json(self.request, limit).await
    }
}
