//! Signed asset links: who holds one may read that asset until it expires.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The signature (hex) of the link to an asset of a project until `exp_s`.
pub fn signature(secret: &[u8], project: &str, asset: &str, exp_s: i64) -> String {
    hex::encode(mac(secret, project, asset, exp_s).finalize().into_bytes())
}

/// Checks a link's signature in constant time, and its expiry.
pub fn is_valid(
    secret: &[u8],
    project: &str,
    asset: &str,
    exp_s: i64,
    signature: &str,
    now_s: i64,
) -> bool {
    let Ok(given) = hex::decode(signature) else {
        return false;
    };
    now_s <= exp_s
        && mac(secret, project, asset, exp_s)
            .verify_slice(&given)
            .is_ok()
}

/// The query string of a signed link, without the question mark.
pub fn query(secret: &[u8], project: &str, asset: &str, exp_s: i64) -> String {
    let signature = signature(secret, project, asset, exp_s);
    format!("project={project}&exp={exp_s}&sig={signature}")
}

fn mac(secret: &[u8], project: &str, asset: &str, exp_s: i64) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so this cannot fail.
    let mut mac = match Hmac::<Sha256>::new_from_slice(secret) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC accepts keys of every length"),
    };
    mac.update(format!("asset:{project}:{asset}:{exp_s}").as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as2_a_signed_link_opens_one_asset_until_it_expires() {
        let signature = signature(b"secret", "p1", "abc", 100);
        let cases = [
            ("as signed", "p1", "abc", 100, signature.as_str(), 100, true),
            ("too late", "p1", "abc", 100, signature.as_str(), 101, false),
            (
                "another project",
                "p2",
                "abc",
                100,
                signature.as_str(),
                1,
                false,
            ),
            (
                "another asset",
                "p1",
                "abd",
                100,
                signature.as_str(),
                1,
                false,
            ),
            (
                "a later expiry",
                "p1",
                "abc",
                200,
                signature.as_str(),
                1,
                false,
            ),
            ("not hex", "p1", "abc", 100, "zz", 1, false),
            ("empty", "p1", "abc", 100, "", 1, false),
        ];
        for (name, project, asset, exp_s, signature, now_s, expected) in cases {
            assert_eq!(
                is_valid(b"secret", project, asset, exp_s, signature, now_s),
                expected,
                "{name}"
            );
        }
    }
}
