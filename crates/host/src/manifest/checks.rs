//! What a manifest must keep besides its words: names that exist, places that are free.

use std::collections::BTreeMap;

use super::{Component, Variable, schema};
use crate::hosts;
use crate::variables::{Template, check_name};

/// Application variables have good names, and either a value or the duty to be given one.
pub(super) fn variables(variables: &BTreeMap<String, Variable>) -> Result<(), String> {
    for (name, variable) in variables {
        check_name(name).map_err(|reason| format!("`variables.{name}`: {reason}"))?;
        if variable.required == variable.default.is_some() {
            return Err(format!(
                "`variables.{name}`: give it either `default = \"…\"` or `required = true`"
            ));
        }
    }
    Ok(())
}

/// A component's templates name variables that exist, its hosts are addresses.
pub(super) fn component(
    id: &str,
    component: &Component,
    declared: &BTreeMap<String, Variable>,
) -> Result<(), String> {
    for (name, text) in &component.variables {
        check_name(name)
            .and_then(|()| Template::parse(text)?.check(declared))
            .map_err(|reason| format!("`component.{id}.variables.{name}`: {reason}"))?;
    }
    for text in &component.allowed_outbound_hosts {
        Template::parse(text)
            .and_then(|template| {
                template.check(declared)?;
                // What a template becomes is known only with the variables' values.
                if template.is_literal() {
                    hosts::check(text)?;
                }
                Ok(())
            })
            .map_err(|reason| format!("`component.{id}.allowed_outbound_hosts`: {reason}"))?;
    }
    Ok(())
}

/// No two triggers are in each other's way.
pub(super) fn triggers(triggers: &schema::Triggers) -> Result<(), String> {
    let mut routes = BTreeMap::new();
    for (index, trigger) in triggers.http.iter().enumerate() {
        let place = format!("trigger.http[{index}]");
        let schema::Route::Path(path) = &trigger.route else {
            continue;
        };
        route(path).map_err(|reason| format!("`{place}.route` = \"{path}\": {reason}"))?;
        if let Some(other) = routes.insert(path.trim_matches('/'), index) {
            return Err(format!(
                "`{place}.route` = \"{path}\" is the route of `trigger.http[{other}]` too, so one of them would never be called; remove one"
            ));
        }
    }
    let mut ids = BTreeMap::new();
    let http = triggers.http.iter().map(|trigger| ("http", &trigger.id));
    let cron = triggers.cron.iter().map(|trigger| ("cron", &trigger.id));
    for (kind, id) in http.chain(cron).filter(|(_, id)| !id.is_empty()) {
        if let Some(other) = ids.insert(id, kind) {
            return Err(format!(
                "`trigger.{kind}.id` = \"{id}\" is the id of another trigger (of type {other}) too; give each its own, or none"
            ));
        }
    }
    Ok(())
}

/// A wildcard stands for the rest of a path, so nothing follows it.
fn route(path: &str) -> Result<(), &'static str> {
    if path.contains(['?', '#', ' ']) {
        return Err("a route is a path without query, such as \"/api/...\"");
    }
    let mut segments = path.trim_end_matches('/').split('/').rev();
    segments.next();
    match segments.find(|segment| matches!(*segment, "..." | "*")) {
        Some(_) => Err("a wildcard stands only at the end, as in \"/api/...\""),
        None => Ok(()),
    }
}
