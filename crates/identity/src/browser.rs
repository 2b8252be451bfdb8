//! What a browser sends along by itself: cookies, and where a request comes from.
//!
//! A cookie goes with every request to its host, whoever made the browser send it. So the one that
//! we set is kept from other sites by `SameSite=Strict`, and requests that use it must come from
//! pages of our own (`Origin`), which also keeps pages of sibling hosts out.

/// Where the cookie goes back to: nothing else needs it.
const PATH: &str = "/api/auth";

/// The refresh token's cookie. With TLS its name makes browsers insist on TLS too, so that nobody
/// between puts in another one. (`__Host-` would send it everywhere: it needs the path `/`.)
fn name(is_https: bool) -> &'static str {
    match is_https {
        true => "__Secure-clash_refresh",
        false => "clash_refresh",
    }
}

/// `Set-Cookie` for a refresh token.
pub fn set_cookie(token: &str, is_https: bool, max_age_s: i64) -> String {
    let secure = if is_https { "; Secure" } else { "" };
    format!(
        "{}={token}; Path={PATH}; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}",
        name(is_https)
    )
}

/// `Set-Cookie` that removes it.
pub fn clear_cookie(is_https: bool) -> String {
    set_cookie("", is_https, 0)
}

/// `Set-Cookie` for an access token. It goes to rooms alone, where a page cannot set headers; the
/// edge takes it from pages of its own host only.
pub fn set_access_cookie(token: &str, is_https: bool, max_age_s: i64) -> String {
    let (name, secure) = match is_https {
        true => ("__Secure-clash_access", "; Secure"),
        false => ("clash_access", ""),
    };
    format!("{name}={token}; Path=/sync; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
}

/// `Set-Cookie` that removes it.
pub fn clear_access_cookie(is_https: bool) -> String {
    set_access_cookie("", is_https, 0)
}

/// The refresh token in the `Cookie` headers of a request. One that is there twice was put in by
/// somebody else, and nobody can tell which: there is none.
pub fn refresh_token<'a>(
    cookies: impl Iterator<Item = &'a str>,
    is_https: bool,
) -> Option<&'a str> {
    let mut found = cookies
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name(is_https))
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(token), None) if !token.is_empty() => Some(token),
        _ => None,
    }
}

/// What a request says about the page that made it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// `Origin`, which browsers add to every POST.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`, where there is no origin.
    pub site: Option<&'a str>,
    /// The host that the client asked for, with its port unless it is the scheme's own.
    pub host: &'a str,
    /// Origins besides our own, separated by spaces or commas.
    pub allowed: &'a str,
}

impl Origin<'_> {
    /// Whether the request comes from a page of ours, or from no page at all.
    pub fn is_ours(&self) -> bool {
        let Some(origin) = self.origin else {
            return self
                .site
                .is_none_or(|site| matches!(site, "same-origin" | "none"));
        };
        let host = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        if host.is_some_and(|host| !host.is_empty() && host.eq_ignore_ascii_case(self.host)) {
            return true;
        }
        self.allowed
            .split([' ', ','])
            .any(|allowed| !allowed.is_empty() && allowed.eq_ignore_ascii_case(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw10_the_cookie_is_for_one_path_and_no_script() {
        assert_eq!(
            set_cookie("abc", true, 60),
            "__Secure-clash_refresh=abc; Path=/api/auth; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            clear_cookie(false),
            "clash_refresh=; Path=/api/auth; Max-Age=0; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn gw10_the_refresh_token_is_the_only_one_of_its_name() {
        let table = [
            (vec!["clash_refresh=abc"], false, Some("abc")),
            (vec!["a=b; clash_refresh=abc; c=d"], false, Some("abc")),
            (vec!["a=b", "clash_refresh=abc"], false, Some("abc")),
            (vec!["clash_refresh=abc; clash_refresh=def"], false, None),
            (vec!["clash_refresh=abc", "clash_refresh=abc"], false, None),
            (vec!["clash_refresh="], false, None),
            (vec!["xclash_refresh=abc"], false, None),
            (vec!["clash_refresh=abc"], true, None),
            (vec!["__Secure-clash_refresh=abc"], true, Some("abc")),
            (vec![], false, None),
        ];
        for (cookies, is_https, expected) in table {
            let found = refresh_token(cookies.iter().copied(), is_https);
            assert_eq!(found, expected, "{cookies:?}");
        }
    }

    #[test]
    fn gw10_requests_of_other_sites_by_a_table() {
        let table = [
            (None, None, true),
            (None, Some("same-origin"), true),
            (None, Some("none"), true),
            (None, Some("same-site"), false),
            (None, Some("cross-site"), false),
            (
                Some("http://studio.example:8788"),
                Some("same-origin"),
                true,
            ),
            (Some("https://STUDIO.example:8788"), None, true),
            (Some("https://app.example"), Some("cross-site"), true),
            (Some("https://studio.example"), None, false),
            (Some("https://mallory.example"), None, false),
            (
                Some("https://studio.example:8788.mallory.example"),
                None,
                false,
            ),
            (
                Some("https://mallory.example/studio.example:8788"),
                None,
                false,
            ),
            (Some("null"), None, false),
            (Some(""), None, false),
            (Some("https://"), None, false),
            (Some("file://studio.example:8788"), None, false),
        ];
        for (origin, site, expected) in table {
            let found = Origin {
                origin,
                site,
                host: "studio.example:8788",
                allowed: "https://other.example https://app.example",
            };
            assert_eq!(found.is_ours(), expected, "{origin:?} {site:?}");
        }
    }
}
