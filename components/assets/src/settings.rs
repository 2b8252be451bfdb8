//! The variables of this component, read once in an instance's life.

use std::cell::RefCell;
use std::rc::Rc;

use problem::{Problem, Slug};

use crate::storage::ObjectStorage;

pub struct Settings {
    /// The largest file.
    pub max_upload_bytes: u64,
    /// How long bytes stay that nobody needs.
    pub grace_ms: i64,
    /// Where bytes lie in the end; `None` means in the database.
    pub objects: Option<ObjectStorage>,
}

thread_local! {
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
}

/// The settings; one that makes no sense is a fault of the deployment.
pub async fn settings() -> Result<Rc<Settings>, Problem> {
    if let Some(known) = SETTINGS.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let grace_s: i64 = number("asset_grace_s").await?;
    let settings = Rc::new(Settings {
        max_upload_bytes: number("max_upload_bytes").await?,
        grace_ms: grace_s.saturating_mul(1000),
        objects: ObjectStorage::from_variables().await?,
    });
    SETTINGS.with_borrow_mut(|known| *known = Some(settings.clone()));
    Ok(settings)
}

async fn number<T: std::str::FromStr>(name: &str) -> Result<T, Problem> {
    let text = guest::variable(name).await?;
    text.trim().parse().map_err(|_| {
        guest::log_error(name, &text);
        Problem::new(
            Slug::Internal,
            format!("the variable {name} is not a number"),
        )
    })
}
