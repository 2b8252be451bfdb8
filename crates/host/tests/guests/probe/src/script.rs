//! Databases and stores, driven by a list of steps in the request.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use spin_sdk::http::{BoxBody, Response};
use spin_sdk::key_value::Store;
use spin_sdk::sqlite::{Connection, Value};

/// A step on the connection named `on`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sql {
    Open { on: String, label: String },
    Execute { on: String, sql: String, #[serde(default)] parameters: Vec<Json> },
    Drop { on: String },
    Changes { on: String },
    LastRow { on: String },
    Trap,
}

pub async fn sql(script: &[u8]) -> anyhow::Result<Response<BoxBody>> {
    let steps: Vec<Sql> = serde_json::from_slice(script)?;
    let mut connections: HashMap<String, Connection> = HashMap::new();
    let mut results = Vec::new();
    for step in steps {
        let result = match step {
            Sql::Open { on, label } => match Connection::open(label).await {
                Ok(connection) => {
                    connections.insert(on, connection);
                    json!("open")
                }
                Err(error) => json!({ "error": format!("{error:?}") }),
            },
            Sql::Execute { on, sql, parameters } => execute(&connections[&on], &sql, parameters).await,
            Sql::Drop { on } => {
                connections.remove(&on);
                json!("dropped")
            }
            Sql::Changes { on } => json!(connections[&on].changes().await),
            Sql::LastRow { on } => json!(connections[&on].last_insert_rowid().await),
            Sql::Trap => panic!("as asked"),
        };
        results.push(result);
    }
    Ok(super::full(serde_json::to_vec(&results)?))
}

async fn execute(connection: &Connection, sql: &str, parameters: Vec<Json>) -> Json {
    let parameters: Vec<_> = parameters.into_iter().map(from_json).collect();
    let result = match connection.execute(sql, parameters).await {
        Ok(result) => result,
        // Spin reports what is wrong with a statement at the end of its result.
        Err(error) => return json!({ "early error": format!("{error:?}") }),
    };
    let columns = result.columns().to_vec();
    match result.collect().await {
        Ok(rows) => {
            let rows: Vec<Vec<Json>> =
                rows.into_iter().map(|row| row.values.into_iter().map(to_json).collect()).collect();
            json!({ "columns": columns, "rows": rows })
        }
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

fn from_json(value: Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Real(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(bytes) => {
            Value::Blob(bytes.iter().map(|byte| byte.as_u64().unwrap_or_default() as u8).collect())
        }
        other => Value::Text(other.to_string()),
    }
}

fn to_json(value: Value) -> Json {
    match value {
        Value::Integer(integer) => json!(integer),
        Value::Real(real) => json!({ "real": real }),
        Value::Text(text) => json!(text),
        Value::Blob(blob) => json!(blob),
        Value::Null => Json::Null,
    }
}

/// Reads a result of many rows one by one.
pub async fn many_rows(count: u64) -> anyhow::Result<Response<BoxBody>> {
    let connection = Connection::open_default().await?;
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i, hex(randomblob(16)) FROM n"
    );
    let mut result = connection.execute(sql, []).await?;
    let (mut rows, mut sum) = (0_u64, 0_i64);
    while let Some(row) = result.next().await {
        rows += 1;
        sum += row.get::<i64>(0).unwrap_or_default();
    }
    result.result().await?;
    Ok(super::full(format!("{rows} {sum}")))
}

/// Reads one row of many, forgets the rest, and uses the connection again.
pub async fn abandon_rows(count: u64) -> anyhow::Result<Response<BoxBody>> {
    let connection = Connection::open_default().await?;
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n"
    );
    let mut result = connection.execute(sql, []).await?;
    let first = result.next().await.and_then(|row| row.get::<i64>(0));
    drop(result);
    let again = connection.execute("SELECT 7", []).await?.collect().await?;
    Ok(super::full(format!("{first:?} {:?}", again[0].get::<i64>(0))))
}

/// Stores a blob, reads it back, and says how long it is and whether it is the same.
pub async fn blob(bytes: usize) -> anyhow::Result<Response<BoxBody>> {
    let connection = Connection::open_default().await?;
    connection.execute("CREATE TABLE blobs (value BLOB)", []).await?.collect().await?;
    let blob: Vec<u8> = (0..bytes).map(|index| (index % 251) as u8).collect();
    connection
        .execute("INSERT INTO blobs VALUES (?)", [Value::Blob(blob)])
        .await?
        .collect()
        .await?;
    let mut result = connection.execute("SELECT value FROM blobs", []).await?;
    let row = result.next().await;
    let Some(Value::Blob(blob)) = row.and_then(|row| row.values.into_iter().next()) else {
        anyhow::bail!("no blob: {:?}", result.result().await);
    };
    result.result().await?;
    let same = blob.iter().enumerate().all(|(index, byte)| usize::from(*byte) == index % 251);
    Ok(super::full(format!("{} {same}", blob.len())))
}

/// Writes a line into the table `notes`.
pub async fn note(line: &str) -> anyhow::Result<()> {
    let connection = Connection::open_default().await?;
    connection.execute("CREATE TABLE IF NOT EXISTS notes (line)", []).await?.collect().await?;
    connection
        .execute("INSERT INTO notes VALUES (?)", [Value::Text(line.into())])
        .await?
        .collect()
        .await?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeyValue {
    Open(String),
    Get(String),
    Set(String, String),
    /// A key and how many bytes of value to write.
    Fill(String, usize),
    /// How many bytes a key's value has.
    Length(String),
    /// Opens as many stores at once, and says how far it came.
    OpenMany(usize),
    Delete(String),
    Exists(String),
    Keys,
}

pub async fn key_value(script: &[u8]) -> anyhow::Result<Response<BoxBody>> {
    let steps: Vec<KeyValue> = serde_json::from_slice(script)?;
    let mut open: Option<Store> = None;
    let mut results = Vec::new();
    for step in steps {
        let store = || open.as_ref().ok_or_else(|| anyhow::anyhow!("no store is open"));
        let result = match step {
            KeyValue::Open(label) => Store::open(label).await.map(|store| {
                open = Some(store);
                json!("open")
            }),
            KeyValue::Get(key) => {
                store()?.get(key).await.map(|value| json!(value.map(|v| String::from_utf8_lossy(&v).into_owned())))
            }
            KeyValue::Set(key, value) => store()?.set(key, value).await.map(|()| json!("set")),
            KeyValue::Fill(key, bytes) => {
                store()?.set(key, vec![255; bytes]).await.map(|()| json!("filled"))
            }
            KeyValue::Length(key) => {
                store()?.get(key).await.map(|value| json!(value.map(|value| value.len())))
            }
            KeyValue::OpenMany(count) => open_many(count).await,
            KeyValue::Delete(key) => store()?.delete(key).await.map(|()| json!("deleted")),
            KeyValue::Exists(key) => store()?.exists(key).await.map(|there| json!(there)),
            KeyValue::Keys => store()?.get_keys().await.collect().await.map(|mut keys| {
                keys.sort();
                json!(keys)
            }),
        };
        results.push(result.unwrap_or_else(|error| json!({ "error": format!("{error:?}") })));
    }
    Ok(super::full(serde_json::to_vec(&results)?))
}

async fn open_many(count: usize) -> Result<Json, spin_sdk::key_value::Error> {
    let mut stores = Vec::new();
    for _ in 0..count {
        match Store::open_default().await {
            Ok(store) => stores.push(store),
            Err(error) => return Ok(json!([stores.len(), format!("{error:?}")])),
        }
    }
    Ok(json!([stores.len()]))
}
