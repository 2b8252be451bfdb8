//! Is what was restored what was saved? The restored document holds the whole history of the saved
//! one, so it is looked at where that one ends.

use loro::{LoroDoc, VersionVector};

/// Says what differs.
pub fn compare(saved: &[u8], version: &[u8], restored: &[u8]) -> Result<(), String> {
    let open = |bytes| LoroDoc::from_snapshot(bytes).map_err(|error| error.to_string());
    let (saved, restored) = (open(saved)?, open(restored)?);
    let version = VersionVector::decode(version).map_err(|error| error.to_string())?;
    if saved.oplog_vv() != version {
        return Err("the backup's version vector is not its document's".to_owned());
    }
    let end = saved.oplog_frontiers();
    if restored.frontiers_to_vv(&end).as_ref() != Some(&version) {
        return Err("the version vectors differ".to_owned());
    }
    restored.checkout(&end).map_err(|error| error.to_string())?;
    match restored.get_deep_value() == saved.get_deep_value() {
        true => Ok(()),
        false => Err("the documents differ".to_owned()),
    }
}
