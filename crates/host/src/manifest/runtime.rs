//! The runtime configuration: which database or store is behind which label.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::LoadError;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SqliteDatabase {
    File(PathBuf),
    Memory,
}

/// Labels and what is behind them, defaults included.
#[derive(Debug, Default)]
pub(crate) struct RuntimeConfig {
    pub sqlite: BTreeMap<String, SqliteDatabase>,
    pub key_value: BTreeMap<String, SqliteDatabase>,
}

/// The label that exists without configuration.
const DEFAULT_LABEL: &str = "default";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    sqlite_database: BTreeMap<String, Backend>,
    #[serde(default)]
    key_value_store: BTreeMap<String, Backend>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backend {
    #[serde(rename = "type")]
    kind: String,
    path: Option<PathBuf>,
    // Keys of backends that this host does not have, read so that the type is what is refused.
    #[serde(rename = "url")]
    _url: Option<toml::Value>,
    #[serde(rename = "token")]
    _token: Option<toml::Value>,
}

impl RuntimeConfig {
    /// Reads a configuration file, if one is given, and adds the defaults.
    pub(crate) fn read(path: Option<&Path>, state_dir: &Path) -> Result<Self, LoadError> {
        let mut config = match path {
            None => Self::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| {
                    LoadError::io(path, "the runtime configuration cannot be read", source)
                })?;
                Self::parse(&text).map_err(|message| LoadError::RuntimeConfig {
                    path: path.to_owned(),
                    message,
                })?
            }
        };
        let default = |file: &str| SqliteDatabase::File(state_dir.join(file));
        config
            .sqlite
            .entry(DEFAULT_LABEL.into())
            .or_insert_with(|| default("sqlite_db.db"));
        config
            .key_value
            .entry(DEFAULT_LABEL.into())
            .or_insert_with(|| default("sqlite_key_value.db"));
        Ok(config)
    }

    /// Parses a configuration. Relative paths start at the working directory, as in Spin.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut config = Self::default();
        for (label, backend) in document.sqlite_database {
            let database = backend.resolve(&format!("sqlite_database.{label}"))?;
            config.sqlite.insert(label, database);
        }
        for (label, backend) in document.key_value_store {
            let database = backend.resolve(&format!("key_value_store.{label}"))?;
            config.key_value.insert(label, database);
        }
        Ok(config)
    }
}

impl Backend {
    fn resolve(self, place: &str) -> Result<SqliteDatabase, String> {
        if self.kind != "spin" {
            return Err(format!(
                "`{place}.type` is \"{}\", which this host does not have; use type = \"spin\" with a path, or run the application under Spin",
                self.kind
            ));
        }
        if self._url.is_some() || self._token.is_some() {
            return Err(format!(
                "`{place}`: a backend of type \"spin\" takes only `path`"
            ));
        }
        Ok(match self.path {
            Some(path) => SqliteDatabase::File(path),
            None => SqliteDatabase::Memory,
        })
    }
}

/// The file of a labelled SQLite database under a runtime configuration, for whoever looks at it
/// before the application does; `None` for one in memory. Nothing is opened or made.
pub fn database_file(
    config: Option<&Path>,
    state_dir: &Path,
    label: &str,
) -> Result<Option<PathBuf>, LoadError> {
    let config = RuntimeConfig::read(config, state_dir)?;
    Ok(match config.sqlite.get(label) {
        Some(SqliteDatabase::File(path)) => Some(path.clone()),
        Some(SqliteDatabase::Memory) | None => None,
    })
}
