//! Counts the lines at every tick. Built for the first version of the cron trigger, whose handler
//! is synchronous, and so are the calls to SQLite.

wit_bindgen::generate!({
    path: ["../../../../wit/deps/spin-sqlite-3.1.0", "wit"],
    world: "fermyon:spin-cron/keeper",
    generate_all,
});

use spin::sqlite::sqlite::{Connection, Value};

struct Keeper;

impl Guest for Keeper {
    fn handle_cron_event(metadata: Metadata) -> Result<(), Error> {
        keep(metadata.timestamp).map_err(|error| Error::Other(format!("{error:?}")))
    }
}

fn keep(timestamp: u64) -> Result<(), spin::sqlite::sqlite::Error> {
    let connection = Connection::open("default")?;
    connection.execute(
        "CREATE TABLE IF NOT EXISTS counts (timestamp INTEGER, lines INTEGER)",
        &[],
    )?;
    let there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'", &[])?;
    if there.rows.is_empty() {
        return Ok(());
    }
    connection.execute(
        "INSERT INTO counts SELECT ?, count(*) FROM entries",
        &[Value::Integer(timestamp as i64)],
    )?;
    println!("kept {}", connection.changes());
    Ok(())
}

export!(Keeper);
