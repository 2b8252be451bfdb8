//! Which component answers, and how many of its instances.

use std::time::Duration;

use ::http::StatusCode;
use futures::future::join_all;

use crate::support::{App, ONE, soon};
use crate::upstream::Upstream;

/// A component for each route, with its name in its environment.
fn named(routes: &[(&str, &str)]) -> String {
    let mut manifest = String::new();
    for (name, route) in routes {
        manifest += &format!("[[trigger.http]]\nroute = {route}\ncomponent = \"{name}\"\n");
    }
    for (name, _) in routes {
        manifest += &format!(
            "[component.{name}]\nsource = \"PROBE\"\nenvironment = {{ NAME = \"{name}\" }}\n"
        );
    }
    manifest
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_exact_routes_win_over_wildcards_and_longer_ones_over_shorter() {
    let app = App::new(&named(&[
        ("everything", "\"/...\""),
        ("api", "\"/api/...\""),
        ("version", "\"/api/v1/...\""),
        ("exact", "\"/api/v1\""),
        ("user", "\"/users/:id\""),
        ("me", "\"/users/me\""),
        ("root", "\"/\""),
        ("hidden", "{ private = true }"),
    ]))
    .await;
    let cases = [
        ("/", "root"),
        ("/other", "everything"),
        ("/api", "api"),
        ("/api/", "api"),
        ("/api/x", "api"),
        ("/apix", "everything"),
        ("/api/v1", "exact"),
        ("/api/v1/", "exact"),
        ("/api/v1/x", "version"),
        ("/api/v1/x/y?z", "version"),
        ("/api/v12", "api"),
        ("/users/me", "me"),
        ("/users/you", "user"),
        ("/users/you/more", "everything"),
        ("/hidden", "everything"),
        ("/API/v1", "everything"),
    ];
    for (path, name) in cases {
        let answer = app.get_with(path, "x-do", "/env/NAME").await;
        assert_eq!(answer.text(), name, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_without_a_route_there_is_no_answer_but_not_found() {
    let app = App::new(&named(&[
        ("only", "\"/only\""),
        ("hidden", "{ private = true }"),
    ]))
    .await;
    for path in ["/", "/only/more", "/hidden", "/.well-known/spin/other"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// The numbers that six requests at once have in their instances, while none is answered yet.
async fn numbers(concurrency: usize) -> Vec<u32> {
    let mut upstream = Upstream::start().await;
    let manifest = format!("{ONE}allowed_outbound_hosts = [\"http://127.0.0.1:*\"]");
    let app = App::with(&manifest, |options| {
        options.limits.instance_concurrency = concurrency;
    })
    .await;
    let path = format!("/fetch?http://{}/", upstream.address);
    let asking = join_all((0..6).map(|_| app.get(&path)));
    let counting = async {
        for _ in 0..6 {
            upstream.asked().await;
        }
        upstream.release(6);
    };
    let (answers, ()) = soon("six answers", futures::future::join(asking, counting)).await;
    let number = |answer: &crate::support::Answer| {
        assert_eq!(answer.text(), "answered");
        answer.headers["x-number"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    answers.iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_an_instance_serves_no_more_at_once_than_allowed() {
    assert_eq!(numbers(1).await, [1; 6]);
    assert!(numbers(2).await.iter().all(|number| *number <= 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_an_instance_ends_after_its_requests_or_its_idle_time() {
    let app = App::with(ONE, |options| {
        options.limits.instance_reuse = 3;
        options.limits.idle_instance_timeout = Duration::from_secs(600);
    })
    .await;
    let mut numbers = Vec::new();
    for _ in 0..7 {
        let answer = app.get("/health").await;
        numbers.push(answer.headers["x-number"].to_str().unwrap().to_owned());
    }
    assert_eq!(numbers, ["1", "2", "3", "1", "2", "3", "1"]);

    let app = App::with(ONE, |options| {
        options.limits.idle_instance_timeout = Duration::from_millis(50);
    })
    .await;
    let fresh = async {
        app.get("/health").await;
        // Sooner or later the pause is longer than the idle time.
        for pause in (100..).step_by(100) {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            if app.get("/health").await.headers["x-number"] == "1" {
                return;
            }
        }
    };
    soon("an instance of its own after a pause", fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_when_no_instance_can_be_made_the_client_may_come_again() {
    let mut upstream = Upstream::start().await;
    let manifest = format!("{ONE}allowed_outbound_hosts = [\"http://127.0.0.1:*\"]");
    let app = App::with(&manifest, |options| {
        options.limits.instances = 2;
        options.limits.instance_concurrency = 1;
    })
    .await;
    let path = format!("/fetch?http://{}/", upstream.address);
    let held = futures::future::join(app.get(&path), app.get(&path));
    let third = async {
        upstream.asked().await;
        upstream.asked().await;
        let third = app.get("/health").await;
        upstream.release(2);
        third
    };
    let ((first, second), third) = soon("an end", futures::future::join(held, third)).await;
    assert_eq!((first.text(), second.text()), ("answered", "answered"));
    assert_eq!(third.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(third.headers["retry-after"], "1");
    assert_eq!(app.get("/health").await.text(), "ok");
}
