//! The application manifest, read and checked.
//!
//! `schema` is what the file may say, word for word; this module is what the host makes of it.

mod checks;
mod runtime;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use runtime::database_file;
pub(crate) use runtime::{RuntimeConfig, SqliteDatabase};
pub(crate) use schema::{FilesMount, Variable};

use crate::error::LoadError;
use schema::{Build, Commands, ComponentReference, Document, Source};

/// A checked manifest.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub name: String,
    pub variables: BTreeMap<String, Variable>,
    pub components: BTreeMap<String, Component>,
    pub http: Vec<HttpTrigger>,
    pub cron: Vec<CronTrigger>,
}

/// One component of the application.
#[derive(Debug)]
pub(crate) struct Component {
    /// The compiled component, absolute or relative to the working directory.
    pub source: PathBuf,
    pub build: Option<String>,
    pub variables: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
    pub files: Vec<FilesMount>,
    pub exclude_files: Vec<String>,
    pub allowed_outbound_hosts: Vec<String>,
    pub key_value_stores: BTreeSet<String>,
    pub sqlite_databases: BTreeSet<String>,
}

/// Which component answers which path; no route means reachable by chaining only.
#[derive(Debug)]
pub(crate) struct HttpTrigger {
    pub component: String,
    pub route: Option<String>,
}

/// Which component runs when.
#[derive(Debug)]
pub(crate) struct CronTrigger {
    pub component: String,
    pub schedule: ::cron::Schedule,
}

impl Manifest {
    /// Reads and checks a manifest file.
    pub(crate) fn read(path: &Path) -> Result<Self, LoadError> {
        let text = std::fs::read_to_string(path).map_err(|source| {
            let action = match source.kind() {
                std::io::ErrorKind::NotFound => {
                    "there is no application manifest here; name one, or run in the folder that holds spin.toml"
                }
                _ => "the application manifest cannot be read",
            };
            LoadError::io(path, action, source)
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, base).map_err(|message| LoadError::manifest(path, message))
    }

    /// Parses and checks a manifest whose relative paths start at `base`.
    pub(crate) fn parse(text: &str, base: &Path) -> Result<Self, String> {
        check_version(text)?;
        let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
        Builder {
            base,
            components: BTreeMap::new(),
        }
        .build(document)
    }
}

/// Other versions of the manifest look different everywhere, so the version is checked first.
fn check_version(text: &str) -> Result<(), String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    match table.get("spin_manifest_version") {
        Some(toml::Value::Integer(2)) => Ok(()),
        Some(other) => Err(format!(
            "`spin_manifest_version` is {other}; only version 2 is understood: write `spin_manifest_version = 2`"
        )),
        None if table.contains_key("spin_version") => Err(
            "this is a version 1 manifest; only version 2 is understood (`spin_manifest_version = 2`)".into(),
        ),
        None => Err("`spin_manifest_version = 2` is missing".into()),
    }
}

struct Builder<'a> {
    base: &'a Path,
    components: BTreeMap<String, Component>,
}

impl Builder<'_> {
    fn build(mut self, document: Document) -> Result<Manifest, String> {
        if let Some((kind, _)) = document
            .application
            .trigger
            .iter()
            .find(|(_, table)| !table.is_empty())
        {
            return Err(format!(
                "`application.trigger.{kind}`: settings for all triggers are not supported; remove them"
            ));
        }
        checks::variables(&document.variables)?;
        for (id, component) in document.component {
            self.add(id, component)?;
        }
        checks::triggers(&document.trigger)?;
        let mut http = Vec::new();
        for (index, trigger) in document.trigger.http.into_iter().enumerate() {
            let place = format!("trigger.http[{index}]");
            let component = self.reference(&place, "http", index, trigger.component)?;
            let route = match trigger.route {
                schema::Route::Path(path) => Some(path),
                schema::Route::Private { private: true } => None,
                schema::Route::Private { private: false } => {
                    return Err(format!(
                        "`{place}.route`: write a path such as \"/api/...\" or {{ private = true }}"
                    ));
                }
            };
            http.push(HttpTrigger { component, route });
        }
        let mut cron = Vec::new();
        for (index, trigger) in document.trigger.cron.into_iter().enumerate() {
            let place = format!("trigger.cron[{index}]");
            let component = self.reference(&place, "cron", index, trigger.component)?;
            let schedule = crate::cron::schedule(&trigger.cron_expression)
                .map_err(|reason| format!("`{place}.cron_expression`: {reason}"))?;
            cron.push(CronTrigger {
                component,
                schedule,
            });
        }
        for (id, component) in &self.components {
            checks::component(id, component, &document.variables)?;
        }
        if http.is_empty() && cron.is_empty() {
            return Err(
                "no component is ever called: add a [[trigger.http]] with `route` and `component`"
                    .into(),
            );
        }
        Ok(Manifest {
            name: document.application.name,
            variables: document.variables,
            components: self.components,
            http,
            cron,
        })
    }

    /// Resolves a trigger's component, adding one that is written in place.
    fn reference(
        &mut self,
        place: &str,
        kind: &str,
        index: usize,
        reference: ComponentReference,
    ) -> Result<String, String> {
        match reference {
            ComponentReference::Id(id) if self.components.contains_key(&id) => Ok(id),
            ComponentReference::Id(id) => {
                let known: Vec<_> = self.components.keys().map(String::as_str).collect();
                Err(format!(
                    "`{place}.component` names `{id}`, but there is no `[component.{id}]`; there is {}",
                    if known.is_empty() {
                        "none".into()
                    } else {
                        known.join(", ")
                    }
                ))
            }
            ComponentReference::Inline(component) => {
                let id = format!("inline-{kind}{index}");
                self.add(id.clone(), *component)?;
                Ok(id)
            }
        }
    }

    fn add(&mut self, id: String, component: schema::Component) -> Result<(), String> {
        check_component_id(&id)?;
        let source = match component.source {
            Source::Path(path) => self.base.join(path),
            Source::Elsewhere => {
                return Err(format!(
                    "`component.{id}.source`: only a local path is supported; download the component and name its file"
                ));
            }
        };
        let unsupported = [
            (
                "ai_models",
                component.ai_models.is_some_and(|models| !models.is_empty()),
            ),
            ("allowed_http_hosts", component.allowed_http_hosts.is_some()),
            ("dependencies", component.dependencies.is_some()),
            (
                "dependencies_inherit_configuration",
                component.dependencies_inherit_configuration.is_some(),
            ),
            ("profile", component.profile.is_some()),
        ];
        if let Some((key, _)) = unsupported.iter().find(|(_, used)| *used) {
            let remedy = if *key == "allowed_http_hosts" {
                "write `allowed_outbound_hosts` instead"
            } else {
                "remove it"
            };
            return Err(format!(
                "`component.{id}.{key}` is not supported by this host; {remedy}"
            ));
        }
        self.components.insert(
            id,
            Component {
                source,
                build: component.build.map(|build| build_command(&build)),
                variables: component.variables,
                environment: component.environment,
                files: component.files,
                exclude_files: component.exclude_files,
                allowed_outbound_hosts: component.allowed_outbound_hosts,
                key_value_stores: component.key_value_stores,
                sqlite_databases: component.sqlite_databases,
            },
        );
        Ok(())
    }
}

/// The command line a person would type to build the component.
fn build_command(build: &Build) -> String {
    let command = match &build.command {
        Commands::One(command) => command.clone(),
        Commands::Many(commands) => commands.join(" && "),
    };
    match &build.workdir {
        Some(workdir) => format!("cd {workdir} && {command}"),
        None => command,
    }
}

/// Ids are kebab-case words; they become host names and file names.
fn check_component_id(id: &str) -> Result<(), String> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    if id.split('-').all(word) {
        Ok(())
    } else {
        Err(format!(
            "`component.{id}`: an id is made of words of letters and digits joined by `-`, such as `my-api`"
        ))
    }
}

#[cfg(test)]
mod tests;
