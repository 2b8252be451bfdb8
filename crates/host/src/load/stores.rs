//! Databases and stores by label, from the runtime configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::LoadError;
use crate::key_value::Backend;
use crate::manifest::{Manifest, RuntimeConfig, SqliteDatabase};
use crate::options::Options;
use crate::sqlite::Database;

/// Databases and stores by label.
pub(super) struct Stores {
    pub sqlite: BTreeMap<String, Arc<Database>>,
    pub key_value: BTreeMap<String, Arc<Backend>>,
}

impl Stores {
    pub(super) fn open(
        manifest: &Manifest,
        config: &RuntimeConfig,
        options: &Options,
    ) -> Result<Self, LoadError> {
        for (id, component) in &manifest.components {
            for (key, section, labels, known) in [
                (
                    "sqlite_databases",
                    "sqlite_database",
                    &component.sqlite_databases,
                    &config.sqlite,
                ),
                (
                    "key_value_stores",
                    "key_value_store",
                    &component.key_value_stores,
                    &config.key_value,
                ),
            ] {
                if let Some(label) = labels.iter().find(|label| !known.contains_key(*label)) {
                    return Err(LoadError::manifest(
                        &options.manifest,
                        format!(
                            "`component.{id}.{key}` names `{label}`; add [{section}.{label}] to the runtime configuration"
                        ),
                    ));
                }
            }
        }
        let path = |database: &SqliteDatabase| match database {
            SqliteDatabase::File(path) => path.clone(),
            SqliteDatabase::Memory => PathBuf::new(),
        };
        let failed = |database: &SqliteDatabase| {
            let path = path(database);
            move |source| LoadError::io(&path, "the folder of this database cannot be made", source)
        };
        let mut sqlite = BTreeMap::new();
        for (label, database) in &config.sqlite {
            let opened = Database::new(database.clone()).map_err(failed(database))?;
            sqlite.insert(label.clone(), opened);
        }
        let mut key_value: BTreeMap<String, Arc<Backend>> = BTreeMap::new();
        for (label, database) in &config.key_value {
            // Stores in one file share its connection.
            let shared = config
                .key_value
                .iter()
                .take_while(|(other, _)| *other != label)
                .find(|(_, other)| *other == database && **other != SqliteDatabase::Memory)
                .and_then(|(other, _)| key_value.get(other).cloned());
            let backend = match shared {
                Some(backend) => backend,
                None => Backend::new(database.clone()).map_err(failed(database))?,
            };
            key_value.insert(label.clone(), backend);
        }
        Ok(Self { sqlite, key_value })
    }

    pub(super) fn run_statements(&self, statements: &[String]) -> Result<(), LoadError> {
        for statement in statements {
            let sql = match statement.strip_prefix('@') {
                Some(path) => std::fs::read_to_string(path).map_err(|source| {
                    LoadError::io(
                        Path::new(path),
                        "this file of SQLite statements cannot be read",
                        source,
                    )
                })?,
                None => statement.clone(),
            };
            if let Some(database) = self.sqlite.get("default") {
                database
                    .execute_batch(&sql)
                    .map_err(|error| LoadError::Statement {
                        statement: statement.clone(),
                        message: error.to_string(),
                    })?;
            }
        }
        Ok(())
    }
}
