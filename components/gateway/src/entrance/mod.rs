//! What every request passes on its way in, and every answer on its way out: who asks, may they ask
//! so often, was this asked before; then the operation; then what all answers have in common.

mod cors;
mod counts;
mod limits;
mod owner;
mod record;
mod repeats;
mod visit;

pub use counts::flush;
pub use owner::COMPONENTS;

use guest::api::{Access, Api, CREATED_BEFORE, CREATION, Found, nothing};
use guest::{Answer, Arrived, Call, Request, Response};
use http::{HeaderMap, HeaderValue, header};
use identity::Claims;
use problem::Problem;

use limits::{Class, Standing};
use record::Deed;
use repeats::Repeat;
use visit::Visit;

/// Answers one request.
pub async fn enter(api: &Api, request: Arrived) -> Response {
    let mut request = guest::incoming(request);
    // What the platform's own parts say among each other is nobody else's to say.
    for header in [CREATION, CREATED_BEFORE] {
        request.headers_mut().remove(header);
    }
    let visit = Visit::of(&request);
    if let Ok(parent) = HeaderValue::try_from(visit.trace.parent()) {
        request.headers_mut().insert("traceparent", parent);
    }
    let mut known = Known::default();
    let allowed_origin = match cors::allowed(visit.origin.as_deref()).await {
        Ok(allowed) => allowed,
        Err(problem) => return guest::respond(Err(problem)),
    };
    let answer = if cors::is_preflight(&request) {
        Ok(cors::preflight(allowed_origin.as_ref()))
    } else {
        pass(api, request, &visit, &mut known).await
    };
    let answer = answer.map_err(|problem| named(problem, &visit));
    let mut response = guest::respond(answer);
    let headers = response.headers_mut();
    if let Some(standing) = &known.standing {
        standing.dress(headers);
    }
    cors::dress(headers, allowed_origin.as_ref());
    dress(headers, &visit);
    counts::count(&visit, known.route, response.status());
    record::log(&visit, known.claims.as_ref(), response.status());
    response
}

/// What became known of a request on its way in.
#[derive(Default)]
struct Known {
    /// The template of the path; empty for one that nothing serves.
    route: String,
    claims: Option<Claims>,
    standing: Option<Standing>,
}

/// Where a request goes.
enum Goal<'a> {
    Operation(&'a guest::api::Route, Vec<(String, String)>),
    Component(&'static str),
}

async fn pass(api: &Api, request: Request, visit: &Visit, known: &mut Known) -> Answer {
    let (method, path) = (&visit.method, &visit.path);
    let (goal, access) = match owner::of(path) {
        Some(owner) => (Goal::Component(owner), owner::access(method, path)),
        None => match api.find(method, path) {
            Found::Route(route, parameters) => (Goal::Operation(route, parameters), route.access),
            Found::OtherMethod(problem) => return Err(problem),
            Found::Nothing => return Err(nothing(method, path)),
        },
    };
    known.route = match &goal {
        Goal::Operation(route, _) => route.template.clone(),
        Goal::Component(owner) => format!("{owner} …"),
    };
    // Components that are open to everybody still want to know who it is, if they may.
    let is_told = access == Access::Public
        && matches!(goal, Goal::Component(_))
        && guest::bearer(request.headers()).is_some();
    let admission = if is_told { Access::Bearer } else { access };
    known.claims = admission.admit(request.headers()).await?;
    // The platform's own parts pass without limits.
    if access == Access::Service {
        return go(goal, request, None).await;
    }
    let claims = known.claims.as_ref();
    match limits::spend(claims, &visit.client, Class::of(method)).await {
        Ok(standing) => known.standing = standing,
        Err((problem, standing)) => {
            known.standing = standing;
            return Err(problem);
        }
    }
    let Some(claims) = claims else {
        return go(goal, request, None).await;
    };
    let deed = Deed::of(&request);
    let answer = match repeats::look(claims, request).await? {
        Repeat::Again(response) => return Ok(response),
        Repeat::No(request) => go(goal, request, Some(claims)).await,
        Repeat::First(request, taken) => {
            let answer = go(goal, request, Some(claims)).await;
            let answer = answer.map_err(|problem| named(problem, visit));
            repeats::keep(taken, guest::respond(answer)).await
        }
    };
    if let Some(deed) = deed {
        let (status, location) = match &answer {
            Ok(response) => (response.status(), response.headers().get(header::LOCATION)),
            Err(problem) => (problem.status(), None),
        };
        let location = location.and_then(|value| value.to_str().ok());
        record::audit(claims, deed, status, location, visit).await?;
    }
    answer
}

async fn go(goal: Goal<'_>, request: Request, claims: Option<&Claims>) -> Answer {
    match goal {
        Goal::Operation(route, parameters) => {
            route
                .call(Call::new(request, claims.cloned(), parameters))
                .await
        }
        Goal::Component(owner) => guest::forward(owner, request, claims).await,
    }
}

/// The problem with the request's id in it, by which it is found in the logs.
fn named(mut problem: Problem, visit: &Visit) -> Problem {
    if problem.instance.is_none() {
        problem.instance = visit.request_id.clone();
    }
    problem
}

/// What all answers have in common; an operation's own word goes first.
fn dress(headers: &mut HeaderMap, visit: &Visit) {
    let mut set = |name: header::HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    set(header::CACHE_CONTROL, "no-store");
    if visit.is_https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}
