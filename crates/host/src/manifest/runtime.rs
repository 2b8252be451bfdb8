//! The runtime configuration: which database or store is behind which label.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::LoadError;
use crate::networks::Networks;

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
    pub networks: Networks,
}

/// The first bytes of every SQLite file that is not empty.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The label that exists without configuration.
const DEFAULT_LABEL: &str = "default";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    sqlite_database: BTreeMap<String, Backend>,
    #[serde(default)]
    key_value_store: BTreeMap<String, Backend>,
    #[serde(default)]
    outbound_networking: OutboundNetworking,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutboundNetworking {
    #[serde(default)]
    block_networks: Vec<String>,
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
    /// Reads a configuration file, if one is given, adds the defaults, and looks at the files.
    pub(crate) fn read(path: Option<&Path>, state_dir: &Path) -> Result<Self, LoadError> {
        let config = Self::named(path, state_dir)?;
        for databases in [&config.sqlite, &config.key_value] {
            // Only one of the state directory can still be wrong here.
            if let Some(SqliteDatabase::File(file)) = databases.get(DEFAULT_LABEL) {
                check_file(file).map_err(|reason| {
                    LoadError::io(
                        file,
                        "this database of the state directory cannot be used; restore it from a backup, or move it away",
                        std::io::Error::other(reason),
                    )
                })?;
            }
        }
        Ok(config)
    }

    /// As `read`, without a look into the state directory.
    fn named(path: Option<&Path>, state_dir: &Path) -> Result<Self, LoadError> {
        let mut config = match path {
            None => Self::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| {
                    LoadError::io(
                        path,
                        "the runtime configuration cannot be read; name another file, or none",
                        source,
                    )
                })?;
                Self::parse(&text)
                    .and_then(|config| config.check_files().map(|()| config))
                    .map_err(|message| LoadError::RuntimeConfig {
                        path: path.to_owned(),
                        message,
                    })?
            }
        };
        for (databases, file) in [
            (&mut config.sqlite, "sqlite_db.db"),
            (&mut config.key_value, "sqlite_key_value.db"),
        ] {
            let file = || SqliteDatabase::File(state_dir.join(file));
            databases.entry(DEFAULT_LABEL.into()).or_insert_with(file);
        }
        Ok(config)
    }

    /// Looks at each file that is there already, so that a wrong path is told now and not to the
    /// first request.
    fn check_files(&self) -> Result<(), String> {
        let sections = [
            ("sqlite_database", &self.sqlite),
            ("key_value_store", &self.key_value),
        ];
        for (section, databases) in sections {
            for (label, database) in databases {
                if let SqliteDatabase::File(path) = database {
                    check_file(path).map_err(|reason| {
                        format!(
                            "`{section}.{label}.path` = \"{}\": {reason}; name another file",
                            path.display()
                        )
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Parses a configuration. Relative paths start at the working directory, as in Spin.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut config = Self {
            networks: Networks::parse(&document.outbound_networking.block_networks)?,
            ..Self::default()
        };
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
            Some(path) if path.as_os_str().is_empty() => {
                return Err(format!(
                    "`{place}.path` is empty; name a file, or leave `path` out for a database in memory"
                ));
            }
            Some(path) => SqliteDatabase::File(path),
            None => SqliteDatabase::Memory,
        })
    }
}

/// Says why a file cannot be a database. One that is not there yet will be made.
fn check_file(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Err("this is a folder".into());
    }
    let mut file = match std::fs::File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(format!(
                "{error}; give this user the right to read and write it"
            ));
        }
    };
    let mut start = Vec::with_capacity(SQLITE_MAGIC.len());
    let length = SQLITE_MAGIC.len() as u64;
    match file.by_ref().take(length).read_to_end(&mut start) {
        Ok(_) if start.is_empty() || start == SQLITE_MAGIC => Ok(()),
        Ok(_) => Err("this file is no SQLite database".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// The file of a labelled SQLite database under a runtime configuration, for whoever looks at it
/// before the application does; `None` for one in memory. Nothing is opened or made.
pub fn database_file(
    config: Option<&Path>,
    state_dir: &Path,
    label: &str,
) -> Result<Option<PathBuf>, LoadError> {
    let config = RuntimeConfig::named(config, state_dir)?;
    Ok(match config.sqlite.get(label) {
        Some(SqliteDatabase::File(path)) => Some(path.clone()),
        Some(SqliteDatabase::Memory) | None => None,
    })
}
