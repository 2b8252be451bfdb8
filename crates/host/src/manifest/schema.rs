//! The words a manifest may use. Anything else is refused by name, with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(rename = "spin_manifest_version")]
    pub _version: u32,
    pub application: Application,
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    #[serde(default)]
    pub trigger: Triggers,
    #[serde(default)]
    pub component: BTreeMap<String, Component>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Application {
    pub name: String,
    #[serde(default, rename = "version")]
    pub _version: String,
    #[serde(default, rename = "description")]
    pub _description: String,
    #[serde(default, rename = "authors")]
    pub _authors: Vec<String>,
    #[serde(default, rename = "targets")]
    pub _targets: Vec<toml::Value>,
    #[serde(default)]
    pub trigger: BTreeMap<String, toml::Table>,
    #[serde(default, rename = "tool")]
    pub _tool: toml::Table,
}

/// An application variable.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    #[serde(default, rename = "description")]
    pub _description: Option<String>,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub default: Option<String>,
    #[serde(default)]
    #[serde(rename = "secret")]
    pub _secret: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Triggers {
    #[serde(default)]
    pub http: Vec<Http>,
    #[serde(default)]
    pub cron: Vec<Cron>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    #[serde(default)]
    pub id: String,
    pub component: ComponentReference,
    pub route: Route,
    #[serde(default, rename = "executor")]
    pub _executor: Option<Executor>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Executor {
    #[serde(rename = "type")]
    pub _kind: ExecutorKind,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExecutorKind {
    Http,
}

#[derive(Debug)]
pub(crate) enum Route {
    Path(String),
    Private { private: bool },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cron {
    #[serde(default)]
    pub id: String,
    pub component: ComponentReference,
    // The trigger's own word; the other spelling is what Spin's other keys would suggest.
    #[serde(alias = "cron-expression")]
    pub cron_expression: String,
}

#[derive(Debug)]
pub(crate) enum ComponentReference {
    Id(String),
    Inline(Box<Component>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    pub source: Source,
    #[serde(default, rename = "description")]
    pub _description: String,
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub files: Vec<FilesMount>,
    #[serde(default)]
    pub exclude_files: Vec<String>,
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub key_value_stores: BTreeSet<String>,
    #[serde(default)]
    pub sqlite_databases: BTreeSet<String>,
    #[serde(default)]
    pub build: Option<Build>,
    #[serde(default, rename = "tool")]
    pub _tool: toml::Table,
    #[serde(default, rename = "targets")]
    pub _targets: Option<Vec<toml::Value>>,
    // Known to Spin, not to this host: read so that they can be refused in clear words.
    pub ai_models: Option<Vec<String>>,
    pub allowed_http_hosts: Option<Vec<String>>,
    pub dependencies: Option<toml::Value>,
    pub dependencies_inherit_configuration: Option<bool>,
    pub profile: Option<toml::Value>,
}

#[derive(Debug)]
pub(crate) enum Source {
    Path(String),
    Elsewhere,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    pub command: Commands,
    #[serde(default)]
    pub workdir: Option<String>,
    #[serde(default, rename = "watch")]
    pub _watch: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Commands {
    One(String),
    Many(Vec<String>),
}

/// Files a component can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FilesMount {
    /// Files matching a pattern, at the same relative path under `/`.
    Pattern(String),
    /// A file or directory, at a path of its own.
    Placement { source: String, destination: String },
}

/// A value that is either a string or a table. `serde(untagged)` would lose the place of a
/// mistake inside the table.
struct TextOr<T, F>(&'static str, F, std::marker::PhantomData<T>);

impl<'de, T, U, F> Visitor<'de> for TextOr<T, F>
where
    T: Deserialize<'de>,
    F: FnOnce(Result<String, T>) -> U,
{
    type Value = U;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }

    fn visit_str<E>(self, text: &str) -> Result<U, E> {
        Ok((self.1)(Ok(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<U, A::Error> {
        Ok((self.1)(Err(T::deserialize(MapAccessDeserializer::new(
            map,
        ))?)))
    }
}

fn text_or<'de, D, T, U>(
    deserializer: D,
    expecting: &'static str,
    convert: impl FnOnce(Result<String, T>) -> U,
) -> Result<U, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(TextOr(expecting, convert, std::marker::PhantomData))
}

impl<'de> Deserialize<'de> for ComponentReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or(
            deserializer,
            "a component id or a component table",
            |value| match value {
                Ok(id) => Self::Id(id),
                Err(component) => Self::Inline(Box::new(component)),
            },
        )
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or(
            deserializer,
            "the path of a component",
            |value| match value {
                Ok(path) => Self::Path(path),
                Err(toml::Table { .. }) => Self::Elsewhere,
            },
        )
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            private: bool,
        }
        text_or(
            deserializer,
            "a path such as \"/api/...\" or { private = true }",
            |value| match value {
                Ok(path) => Self::Path(path),
                Err(Table { private }) => Self::Private { private },
            },
        )
    }
}

impl<'de> Deserialize<'de> for FilesMount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            source: String,
            destination: String,
        }
        text_or(
            deserializer,
            "a pattern or { source, destination }",
            |value| match value {
                Ok(pattern) => Self::Pattern(pattern),
                Err(Table {
                    source,
                    destination,
                }) => Self::Placement {
                    source,
                    destination,
                },
            },
        )
    }
}
