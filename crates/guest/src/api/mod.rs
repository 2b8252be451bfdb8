//! A component's operations: where each one is, who may call it, what serves it and what documents
//! it, in one place (GW5). What is served is what is described.

mod call;
mod describe;
mod path;

pub use call::{CREATED_BEFORE, CREATION, Call};
pub use describe::{Described, Document};

use futures::future::LocalBoxFuture;
use http::{HeaderMap, Method};
use identity::Claims;
use problem::{Problem, Slug};

use self::path::Pattern;
use crate::{Arrived, Request, Response};

/// What an operation gives.
pub type Answer = Result<Response, Problem>;
type Handler = fn(Call) -> LocalBoxFuture<'static, Answer>;

/// Where a private component gives its part of the API's description.
pub const DESCRIPTION: &str = "/internal/v1/openapi";

/// Who may call an operation at all; what they may do there is asked by the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody; the operation itself looks at what was presented.
    Public,
    /// Whoever has an access token.
    Bearer,
    /// The platform's own parts. Such an operation is not described.
    Service,
}

impl Access {
    /// Lets a caller pass, and says who it is where somebody must be; refuses the others.
    pub async fn admit(self, headers: &HeaderMap) -> Result<Option<Claims>, Problem> {
        match self {
            Self::Public => Ok(None),
            Self::Bearer => crate::authenticate(headers).await.map(Some),
            Self::Service => crate::require_service(headers).await.map(|()| None),
        }
    }
}

/// One operation.
pub struct Route {
    pub access: Access,
    pub method: Method,
    /// The path with its parameters' names in braces.
    pub template: String,
    pattern: Pattern,
    handler: Handler,
    describe: fn(Access, &mut Document),
}

impl Route {
    pub fn new<P: Described>(access: Access, handler: Handler) -> Self {
        let method = P::methods().first().map_or(Method::GET, describe::method);
        Self {
            access,
            method,
            pattern: Pattern::new(&P::path()),
            template: P::path(),
            handler,
            describe: describe::add::<P>,
        }
    }
}

/// The operations of a component.
pub struct Api {
    routes: Vec<Route>,
}

/// Which operation a request means.
pub enum Found<'a> {
    Route(&'a Route, Vec<(String, String)>),
    /// The path is known, with other methods.
    OtherMethod(Problem),
    Nothing,
}

impl Api {
    pub fn new(routes: Vec<Route>) -> Self {
        Self { routes }
    }

    /// HEAD is what GET is, without the body, which the host leaves out.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let wanted = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let segments = crate::path_segments(path);
        let mut allowed: Vec<&str> = Vec::new();
        for route in &self.routes {
            let Some(parameters) = route.pattern.matches(&segments) else {
                continue;
            };
            if route.method == *wanted {
                return Found::Route(route, parameters);
            }
            allowed.push(route.method.as_str());
            if route.method == Method::GET {
                allowed.push("HEAD");
            }
        }
        if allowed.is_empty() {
            return Found::Nothing;
        }
        allowed.sort_unstable();
        allowed.dedup();
        let allowed = allowed.join(", ");
        let problem = Problem::new(
            Slug::MethodNotAllowed,
            format!("this route takes {allowed}"),
        );
        Found::OtherMethod(problem.with_header("allow", allowed))
    }

    /// Describes what is for callers from outside.
    pub fn describe(&self) -> Document {
        let mut document = Document::default();
        for route in &self.routes {
            if route.access != Access::Service {
                (route.describe)(route.access, &mut document);
            }
        }
        document
    }

    /// Answers a request of a private component: finds the operation, asks who calls, calls it.
    pub async fn serve(&self, request: Arrived) -> Response {
        crate::respond(self.try_serve(crate::incoming(request)).await)
    }

    async fn try_serve(&self, request: Request) -> Answer {
        let path = request.uri().path().to_owned();
        if path == DESCRIPTION {
            crate::require_service(request.headers()).await?;
            return Ok(crate::json(http::StatusCode::OK, &self.describe()));
        }
        let method = request.method().clone();
        match self.find(&method, &path) {
            Found::Route(route, parameters) => {
                let claims = route.access.admit(request.headers()).await?;
                route.call(Call::new(request, claims, parameters)).await
            }
            Found::OtherMethod(problem) => Err(problem),
            Found::Nothing => Err(nothing(&method, &path)),
        }
    }
}

impl Route {
    pub async fn call(&self, call: Call) -> Answer {
        (self.handler)(call).await
    }
}

/// The problem of a path that nothing serves.
pub fn nothing(method: &Method, path: &str) -> Problem {
    Problem::new(Slug::NotFound, format!("there is no {method} {path}"))
}

/// The route table: `routes![Bearer projects::{create, list}; Public health::{get}]` for handlers
/// that have their `#[utoipa::path]`. The modules must be in scope.
#[macro_export]
macro_rules! routes {
    ($($access:ident $module:ident :: { $($name:ident),+ $(,)? });+ $(;)?) => {
        vec![$($(
            $crate::pastey::paste! {
                $crate::api::Route::new::<$module::[<__path_ $name>]>(
                    $crate::api::Access::$access,
                    |call| Box::pin($module::$name(call)),
                )
            }
        ),+),+]
    };
}
