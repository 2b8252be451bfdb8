//! Takes lines, has them tidied by another component, and keeps them.

use anyhow::{Context, anyhow};
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{
    BoxBody, FullBody, IntoResponse, Method, Request, Response, StatusCode, box_body, send,
};
use spin_sdk::http_service;
use spin_sdk::sqlite::{Connection, Value};

#[http_service]
async fn handle(request: Request) -> anyhow::Result<impl IntoResponse> {
    let table = std::env::var("TABLE")?;
    let connection = Connection::open_default().await?;
    run(
        &connection,
        &format!("CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY, line TEXT NOT NULL)"),
        vec![],
    )
    .await?;
    match *request.method() {
        Method::POST => {
            let longest: usize = spin_sdk::variables::get("longest_line").await?.parse()?;
            let line = polish(request).await?;
            if line.is_empty() || line.len() > longest {
                return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, "one short line, please".into()));
            }
            run(&connection, "BEGIN IMMEDIATE", vec![]).await?;
            let insert = format!("INSERT INTO {table} (line) VALUES (?) RETURNING id");
            let rows = run(&connection, &insert, vec![Value::Text(line)]).await?;
            run(&connection, "COMMIT", vec![]).await?;
            Ok(answer(StatusCode::CREATED, rows[0][0].to_string()))
        }
        Method::DELETE => {
            let key = spin_sdk::variables::get("owner_key").await?;
            let given = request.headers().get("x-owner-key").map(|value| value.as_bytes());
            if given != Some(key.as_bytes()) {
                return Ok(answer(StatusCode::FORBIDDEN, "only the owner tears pages out".into()));
            }
            run(&connection, &format!("DELETE FROM {table}"), vec![]).await?;
            Ok(answer(StatusCode::NO_CONTENT, String::new()))
        }
        _ => {
            let rows = run(&connection, &format!("SELECT id, line FROM {table} ORDER BY id"), vec![]).await?;
            Ok(answer(StatusCode::OK, serde_json::to_string(&rows)?))
        }
    }
}

async fn polish(request: Request) -> anyhow::Result<String> {
    let body = request.into_body().bytes().await.map_err(|code| anyhow!("{code:?}"))?;
    let mut passed = Request::<BoxBody>::new(box_body(FullBody::new(body)));
    *passed.method_mut() = Method::POST;
    *passed.uri_mut() = "http://polish.spin.internal/line".parse()?;
    let response = send(passed).await.map_err(|code| anyhow!("{code:?}")).context("polish")?;
    let line = response.into_body().bytes().await.map_err(|code| anyhow!("{code:?}"))?;
    Ok(String::from_utf8(line.to_vec())?)
}

async fn run(
    connection: &Connection,
    sql: &str,
    parameters: Vec<Value>,
) -> anyhow::Result<Vec<Vec<serde_json::Value>>> {
    let rows = connection.execute(sql, parameters).await?.collect().await?;
    let value = |value: Value| match value {
        Value::Integer(integer) => integer.into(),
        Value::Text(text) => text.into(),
        other => format!("{other:?}").into(),
    };
    Ok(rows.into_iter().map(|row| row.values.into_iter().map(value).collect()).collect())
}

fn answer(status: StatusCode, text: String) -> Response<BoxBody> {
    let mut response = Response::new(box_body(FullBody::new(text.into())));
    *response.status_mut() = status;
    response
}
