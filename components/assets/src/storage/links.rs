//! Links by which clients reach the object storage without us.

use std::time::Duration;

use rusty_s3::S3Action;

use super::objects::{CHECKSUM, ObjectStorage, base64_of};

/// How long the links are good that clients are sent to: a long film is watched by ranges of one.
const LINK: Duration = Duration::from_secs(3600);

impl ObjectStorage {
    /// A link to read an object without us; what must not be shown is a download there too.
    pub fn link(&self, key: &str, media_type: &str, is_inline: bool) -> String {
        let mut action = self.bucket.get_object(Some(&self.credentials), key);
        let query = action.query_mut();
        query.insert("response-content-type", media_type.to_owned());
        query.insert(
            "response-cache-control",
            "private, immutable, max-age=31536000",
        );
        if !is_inline {
            query.insert("response-content-disposition", "attachment");
        }
        action.sign(LINK).to_string()
    }

    /// A link to put an object that has this sha256 (in hex), and the header that must go with it.
    pub fn put_link(&self, key: &str, sha256: &str) -> (String, [(&'static str, String); 1]) {
        let sha256 = base64_of(sha256);
        let mut action = self.bucket.put_object(Some(&self.credentials), key);
        action.headers_mut().insert(CHECKSUM, sha256.clone());
        let url = action.sign(LINK).to_string();
        (url, [(CHECKSUM, sha256)])
    }
}
