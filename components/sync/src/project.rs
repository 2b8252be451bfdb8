//! What the operations on a project's document have in common: whose it is, and how its versions
//! are written.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use guest::{Call, access};
use identity::{Action, Claims};
use problem::Problem;
use store::Database;
use store::rooms::Head;

use crate::rooms_failed;

/// Written in the standard alphabet with padding; read with or without, in either alphabet.
const FORGIVING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, FORGIVING);
const IN_ADDRESSES: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, FORGIVING);

/// The project that a call names, if it exists and the caller may do this to it.
pub async fn of_call(
    database: &impl Database,
    call: &Call,
    action: Action,
) -> Result<Head, Problem> {
    let (claims, id) = (call.claims()?, call.param("id"));
    let head = store::rooms::head(database, id)
        .await
        .map_err(|error| rooms_failed(error.into()))?
        .ok_or_else(|| missing(id))?;
    allow(database, claims, action, &head).await?;
    Ok(head)
}

pub async fn allow(
    database: &impl Database,
    claims: &Claims,
    action: Action,
    head: &Head,
) -> Result<(), Problem> {
    let (id, tenant) = (&head.room, &head.tenant);
    let what = || format!("project {id}");
    access::in_project(database, claims, action, id, tenant, what).await
}

/// The project is not there, or not any more.
pub fn missing(id: &str) -> Problem {
    access::unknown(format!("project {id}"))
}

pub fn to_base64(bytes: &[u8]) -> String {
    PLAIN.encode(bytes)
}

pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let is_for_addresses = text.contains(['-', '_']);
    let engine = if is_for_addresses {
        IN_ADDRESSES
    } else {
        PLAIN
    };
    engine.decode(text).ok()
}
