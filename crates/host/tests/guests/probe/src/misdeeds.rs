//! What a component should not do, on request.

use std::hint::black_box;
use std::mem::forget;
use std::time::Duration;

use anyhow::{anyhow, bail};
use futures::SinkExt;
use spin_sdk::http::{BoxBody, EmptyBody, Request, Response, box_body, send};

pub async fn commit(name: &str, request: Request) -> anyhow::Result<Response<BoxBody>> {
    match name {
        "trap" => panic!("as asked"),
        "exit" => std::process::exit(3),
        "overflow" => Ok(super::full(deeper(0).to_string())),
        "loop" => loop {
            black_box(());
        },
        "grow" => {
            let mut memory = Vec::new();
            loop {
                memory.push(vec![1_u8; 1 << 20]);
                black_box(&memory);
            }
        }
        "never" => std::future::pending().await,
        // Takes the request and never reads it.
        "leak-request" => {
            forget(request);
            Ok(super::full("leaked"))
        }
        // Promises a body, begins it, and never ends it.
        "leak-answer" => {
            let (mut pieces, body) = spin_sdk::http::body::stream::<String>();
            pieces.send("begun\n".into()).await?;
            forget(pieces);
            Ok(Response::new(box_body(body)))
        }
        // Asks somebody and never reads the answer.
        "leak-response" => {
            let mut passed = Request::<BoxBody>::new(box_body(EmptyBody::new()));
            *passed.uri_mut() = request.uri().query().unwrap_or_default().parse()?;
            let response = send(passed).await.map_err(|code| anyhow!("{code:?}"))?;
            forget(response);
            Ok(super::full("leaked"))
        }
        // Goes on writing whether or not anybody reads.
        "chatter" => {
            let (mut pieces, body) = spin_sdk::http::body::stream::<Vec<u8>>();
            spin_sdk::wasip3::spawn(async move {
                loop {
                    let _ = pieces.send(vec![b'x'; 64 << 10]).await;
                    spin_sdk::time::sleep(Duration::from_millis(1)).await;
                }
            });
            Ok(Response::new(box_body(body)))
        }
        "trap-in-answer" => {
            let (mut pieces, body) = spin_sdk::http::body::stream::<String>();
            spin_sdk::wasip3::spawn(async move {
                let _ = pieces.send("begun\n".into()).await;
                spin_sdk::time::sleep(Duration::from_millis(50)).await;
                panic!("as asked");
            });
            Ok(Response::new(box_body(body)))
        }
        _ => match name.strip_prefix("allocate/") {
            Some(megabytes) => {
                let memory = vec![1_u8; megabytes.parse::<usize>()? << 20];
                Ok(super::full(black_box(memory).len().to_string()))
            }
            None => bail!("no such misdeed: {name}"),
        },
    }
}

/// Calls itself until the stack is used up.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { deeper(depth + 1) + frame[63] }
}
