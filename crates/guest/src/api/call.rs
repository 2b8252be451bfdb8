//! One call of an operation.

use identity::Claims;
use problem::{Problem, Slug};
use serde::de::DeserializeOwned;

use crate::Request;

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
