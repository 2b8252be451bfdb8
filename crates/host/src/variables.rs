//! Application variables: names, values, templates, and the interface guests read them by.

use std::collections::BTreeMap;

use wasmtime::component::Accessor;

use crate::bindings::variables as wit;
pub(crate) use crate::bindings::variables::Error;
use crate::error::LoadError;
use crate::guest::{GuestData, GuestState};
use crate::manifest::Variable;

/// Environment variables with this prefix give values to application variables.
const ENVIRONMENT_PREFIX: &str = "SPIN_VARIABLE_";

/// Says what is wrong with a variable's name, by Spin's rules.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        Err("a name must not be empty".into())
    } else if let Some(c) = name
        .chars()
        .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_'))
    {
        Err(format!(
            "{c:?} cannot be in a name; use lower-case letters, digits and underscores"
        ))
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Err("a name must start with a lower-case letter".into())
    } else if name.ends_with('_') || name.contains("__") {
        Err("underscores stand one at a time between letters or digits".into())
    } else {
        Ok(())
    }
}

/// Text with `{{ name }}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after
                .split_once("}}")
                .ok_or_else(|| format!("`{text}` opens `{{{{` without closing it with `}}}}`"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Whether there is no variable in it.
    pub(crate) fn is_literal(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Checks that every variable it names is declared.
    pub(crate) fn check(&self, declared: &BTreeMap<String, Variable>) -> Result<(), String> {
        self.0.iter().try_for_each(|part| match part {
            Part::Variable(name) if !declared.contains_key(name) => {
                Err(format!("`{name}` is not declared under [variables]"))
            }
            _ => Ok(()),
        })
    }
}

/// The values of all application variables.
#[derive(Debug, Default)]
pub(crate) struct Values(BTreeMap<String, Option<String>>);

impl Values {
    /// Takes each value from what was given, else from the environment, else from the default.
    pub(crate) fn new(
        declared: &BTreeMap<String, Variable>,
        given: &[(String, String)],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, LoadError> {
        if let Some((name, _)) = given.iter().find(|(name, _)| !declared.contains_key(name)) {
            let known: Vec<_> = declared.keys().map(String::as_str).collect();
            return Err(LoadError::Variable(format!(
                "variable `{name}` is given, but the manifest does not declare it under [variables]; it declares {}",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            )));
        }
        let value = |(name, variable): (&String, &Variable)| {
            let value = given
                .iter()
                .rev()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.clone())
                .or_else(|| {
                    environment(&format!(
                        "{ENVIRONMENT_PREFIX}{}",
                        name.to_ascii_uppercase()
                    ))
                })
                .or_else(|| variable.default.clone());
            if value.is_none() {
                tracing::warn!("required variable `{name}` has no value");
            }
            (name.clone(), value)
        };
        Ok(Self(declared.iter().map(value).collect()))
    }

    /// Whether every variable has a value.
    pub(crate) fn complete(&self) -> bool {
        self.0.values().all(Option::is_some)
    }

    /// The text with its variables filled in; an error names the variable without a value.
    pub(crate) fn resolve(&self, template: &Template) -> Result<String, String> {
        let mut text = String::new();
        for part in &template.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Variable(name) => match self.0.get(name) {
                    Some(Some(value)) => text.push_str(value),
                    _ => return Err(format!("required variable `{name}` has no value")),
                },
            }
        }
        Ok(text)
    }
}

/// What one component sees: its own names, with values or the reason why there is none.
pub(crate) type ComponentVariables = BTreeMap<String, Result<String, String>>;

impl wit::Host for GuestState {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl<T: Send> wit::HostWithStore<T> for GuestData {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, Error> {
        check_name(&name).map_err(|reason| Error::InvalidName(format!("{name:?}: {reason}")))?;
        let value =
            accessor.with(|mut access| access.get().component.grants.variables.get(&name).cloned());
        match value {
            Some(Ok(value)) => Ok(value),
            Some(Err(reason)) => Err(Error::Provider(reason)),
            None => Err(Error::Undefined(format!(
                "the manifest gives this component no variable {name:?}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> BTreeMap<String, Variable> {
        let variable = |default: Option<&str>| Variable {
            required: default.is_none(),
            default: default.map(Into::into),
            ..Variable::default()
        };
        BTreeMap::from([
            ("given".into(), variable(Some("default"))),
            ("ambient".into(), variable(Some("default"))),
            ("plain".into(), variable(Some("default"))),
            ("missing".into(), variable(None)),
        ])
    }

    #[test]
    fn op6_given_values_win_over_the_environment_and_that_over_defaults() {
        let given = [("given".to_owned(), "option".to_owned())];
        let environment = |name: &str| {
            matches!(name, "SPIN_VARIABLE_GIVEN" | "SPIN_VARIABLE_AMBIENT")
                .then(|| "environment".to_owned())
        };
        let values = Values::new(&declared(), &given, environment).unwrap();
        let cases = [
            ("{{ given }}", Ok("option")),
            ("{{ambient}}", Ok("environment")),
            ("<{{ plain }}>{{ given }}", Ok("<default>option")),
            ("{{ missing }}", Err("missing")),
            ("no variable", Ok("no variable")),
        ];
        for (text, expected) in cases {
            let got = values.resolve(&Template::parse(text).unwrap());
            match expected {
                Ok(value) => assert_eq!(got.as_deref(), Ok(value), "{text}"),
                Err(name) => assert!(got.unwrap_err().contains(name), "{text}"),
            }
        }
        assert!(!values.complete());
    }

    #[test]
    fn op6_an_undeclared_variable_is_refused_by_name() {
        let given = [("levl".to_owned(), "x".to_owned())];
        let message = Values::new(&declared(), &given, |_| None)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("levl") && message.contains("plain"),
            "{message}"
        );
    }

    #[test]
    fn op6_names_follow_spins_rules() {
        for name in ["a", "a1", "a_b", "kling_access_key"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "A", "1a", "_a", "a_", "a__b", "a-b", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
