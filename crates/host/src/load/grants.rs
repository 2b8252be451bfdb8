//! What the manifest grants to a component, with all labels and templates resolved.

use std::collections::BTreeMap;
use std::path::Path;

use super::create_directory;
use super::stores::Stores;
use crate::error::LoadError;
use crate::guest::Grants;
use crate::hosts::AllowedHosts;
use crate::manifest::{self, Manifest};
use crate::options::Options;
use crate::variables::{Template, Values};
use crate::{files, logs};

/// Everything that a grant can refer to.
pub(super) struct Parts<'a> {
    pub manifest: &'a Manifest,
    pub options: &'a Options,
    pub values: &'a Values,
    pub stores: &'a Stores,
}

impl Parts<'_> {
    /// What one component is granted.
    pub(super) fn grants(&self, id: &str) -> Result<Grants, LoadError> {
        let (options, refuse) = (self.options, |reason: String| {
            LoadError::component(&self.options.manifest, id, reason)
        });
        let component: &manifest::Component = self
            .manifest
            .components
            .get(id)
            .ok_or_else(|| refuse("it is not in the manifest".into()))?;
        let mut variables = BTreeMap::new();
        for (name, text) in &component.variables {
            let template = Template::parse(text).map_err(refuse)?;
            variables.insert(name.clone(), self.values.resolve(&template));
        }
        let ids: Vec<_> = self
            .manifest
            .components
            .keys()
            .map(String::as_str)
            .collect();
        let allowed_hosts =
            AllowedHosts::parse(&component.allowed_outbound_hosts, self.values, &ids)
                .map_err(|reason| refuse(format!("`allowed_outbound_hosts`: {reason}")))?;
        let base = options.manifest.parent().unwrap_or(Path::new(""));
        let staging = options.state_dir.join("files").join(id);
        let mounts = files::mounts(base, &staging, &component.files, &component.exclude_files)
            .map_err(refuse)?;
        let directory = options.state_dir.join("logs");
        create_directory(&directory)?;
        let log = |stream| {
            logs::Log::open(&directory, id, stream, options.follow).map_err(|source| {
                LoadError::io(&directory, "a log file cannot be written here", source)
            })
        };
        let mut environment = component.environment.clone();
        environment.extend(options.env.iter().cloned());
        Ok(Grants {
            id: id.into(),
            variables,
            environment: environment.into_iter().collect(),
            mounts,
            allowed_hosts,
            sqlite_granted: component.sqlite_databases.clone(),
            sqlite: self.stores.sqlite.clone(),
            key_value_granted: component.key_value_stores.clone(),
            key_value: self.stores.key_value.clone(),
            stdout: log("stdout")?,
            stderr: log("stderr")?,
        })
    }
}
