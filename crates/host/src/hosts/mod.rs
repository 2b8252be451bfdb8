//! `allowed_outbound_hosts`: which addresses a component may call.

mod entry;

use url::Host;

use self::entry::{Entry, HostPattern};
use crate::variables::{Template, Values};

/// Names under this domain are components of the application.
const CHAINING_SUFFIX: &str = ".spin.internal";

/// The component that an address names, if it names one.
pub(crate) fn chained_component(host: &str) -> Option<&str> {
    host.strip_suffix(CHAINING_SUFFIX)
}

/// Says what is wrong with an entry that has no variables in it.
pub(crate) fn check(entry: &str) -> Result<(), String> {
    Entry::parse(entry).map(drop)
}

/// What a component may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedHosts(Result<Vec<Entry>, String>);

impl AllowedHosts {
    /// Parses the manifest's entries. A malformed entry is an error; a variable without a value
    /// is not, but then nothing is allowed.
    pub(crate) fn parse(
        entries: &[String],
        values: &Values,
        components: &[&str],
    ) -> Result<Self, String> {
        let mut allowed = Vec::new();
        let mut unresolved = None;
        for text in entries {
            let template = Template::parse(text)?;
            if template.is_literal() {
                allowed.push(Entry::parse(text)?);
                continue;
            }
            // As in Spin, one template needs the values of all variables.
            if !values.complete() {
                unresolved = Some("a required variable has no value".to_owned());
                continue;
            }
            match values.resolve(&template) {
                // An empty variable is an optional address that is not given.
                Ok(text) if matches!(text.as_str(), "" | "http://" | "https://") => {}
                Ok(text) => allowed.push(Entry::parse(&text)?),
                Err(reason) => unresolved = Some(reason),
            }
        }
        let allowed = allowed
            .into_iter()
            .flat_map(|entry| entry.expand(components))
            .collect();
        Ok(Self(match unresolved {
            None => Ok(allowed),
            Some(reason) => Err(reason),
        }))
    }

    /// Whether a component may call this address.
    pub(crate) fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let Ok(host) = Host::parse(host) else {
            return false;
        };
        self.entries()
            .iter()
            .any(|entry| entry.allows(scheme, &host, port))
    }

    /// Whether a component may call its own application.
    pub(crate) fn allows_self(&self) -> bool {
        self.entries().iter().any(|entry| {
            matches!(entry.host, HostPattern::Any | HostPattern::Own)
                && entry
                    .scheme
                    .as_deref()
                    .is_none_or(|scheme| matches!(scheme, "http" | "https"))
        })
    }

    fn entries(&self) -> &[Entry] {
        match &self.0 {
            Ok(entries) => entries,
            Err(reason) => {
                tracing::warn!("outbound request denied: {reason}");
                &[]
            }
        }
    }
}

#[cfg(test)]
mod tests;
