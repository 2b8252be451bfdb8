//! What a stack is for: trying things out on one's own machine, or serving people.

use std::path::Path;

use identity::check_secret;

use crate::failure::{Failure, Outcome};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    Development,
    Production,
}

impl Environment {
    /// The variable `environment` as it was given; `clash up` is for development unless told
    /// otherwise.
    pub fn of(variables: &[(String, String)]) -> Outcome<Self> {
        let given = variables.iter().rev().find(|(key, _)| key == "environment");
        match given.map(|(_, value)| value.as_str()) {
            None | Some("development") => Ok(Self::Development),
            Some("production") => Ok(Self::Production),
            Some(other) => Err(Failure::input(format!("environment={other} is not known"))
                .help("it is development or production")),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }

    /// Refuses a secret that others know or may guess, where that matters.
    pub fn check(self, secret: &[u8], path: &Path) -> Outcome {
        if self == Self::Development {
            return Ok(());
        }
        check_secret(secret).map_err(|error| {
            Failure::failed(format!("{}: {error}", path.display())).help(
                "remove the file and start again: a new secret is made (tokens given out before \
                 end), or write 32 random bytes there: openssl rand -hex 32",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(value: &str) -> Vec<(String, String)> {
        vec![("environment".to_owned(), value.to_owned())]
    }

    #[test]
    fn op6_production_refuses_weak_secrets_and_development_does_not() {
        let path = Path::new("state/secret");
        let known = b"0123456789abcdef0123456789abcdef";
        let strong = b"9f2c41d07be35a8866f1e2d3c4b5a697";
        let production = Environment::of(&given("production")).expect("known");
        let refused = production.check(known, path).expect_err("refused");
        let refused = refused.to_string();
        assert!(
            refused.contains("state/secret") && refused.contains("openssl rand"),
            "{refused}"
        );
        assert!(production.check(strong, path).is_ok());
        assert!(Environment::Development.check(known, path).is_ok());
        assert_eq!(
            Environment::of(&[]).expect("known"),
            Environment::Development
        );
        assert!(Environment::of(&given("prod")).is_err());
    }
}
