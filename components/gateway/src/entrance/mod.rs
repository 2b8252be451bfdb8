//! What every request passes on its way in, and every answer on its way out.

mod owner;

use guest::api::{Access, Api, Found, nothing};
use guest::{Answer, Arrived, Call, Request, Response};

/// Answers one request.
pub async fn enter(api: &Api, request: Arrived) -> Response {
    guest::answer(pass(api, guest::incoming(request))).await
}

async fn pass(api: &Api, request: Request) -> Answer {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    if let Some(owner) = owner::of(&path) {
        return guest::forward(owner, request).await;
    }
    match api.find(&method, &path) {
        Found::Route(route, parameters) => {
            let claims = match route.access {
                Access::Public => None,
                Access::Bearer => Some(guest::authenticate(request.headers()).await?),
                Access::Service => {
                    guest::require_service(request.headers()).await?;
                    None
                }
            };
            route.call(Call::new(request, claims, parameters)).await
        }
        Found::OtherMethod(problem) => Err(problem),
        Found::Nothing => Err(nothing(&method, &path)),
    }
}
