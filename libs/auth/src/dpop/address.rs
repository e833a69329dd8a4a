use url::Url;

/// Are these the same address, apart from query and fragment (RFC 9449, section 4.3, clause 9), after
/// the normalisation of RFC 3986, sections 6.2.2 and 6.2.3?
pub(super) fn same(htu: &str, url: &str) -> bool {
    match (normal(htu), normal(url)) {
        (Some(htu), Some(url)) => htu == url,
        _ => false,
    }
}

fn normal(text: &str) -> Option<String> {
    // Browsers drop or turn what else there is; here it is no address.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    plain.then(|| format!("{}{}", url.origin().ascii_serialization(), decoded(url.path())))
}

/// What needs no escape is written without, the rest in upper case.
fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(char::from(byte));
                normal.push_str(&part[2..]);
            }
            Some(byte) => normal.push_str(&format!("%{byte:02X}{}", &part[2..])),
            None => normal.push_str(&format!("%{part}")),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_may_be_written_in_several_ways() {
        for (htu, url) in [
            ("https://api.example/a/b", "https://api.example/a/b"),
            ("HTTPS://API.Example:443/a", "https://api.example/a"),
            ("http://api.example:80", "http://api.example/"),
            ("https://api.example/a?x=1", "https://api.example/a?y=2"),
            ("https://api.example/a#f", "https://api.example/a"),
            ("https://api.example/%7ea%2f", "https://api.example/~a%2F"),
            ("http://[::1]:80/a", "http://[0:0:0:0:0:0:0:1]/a"),
        ] {
            assert!(same(htu, url), "{htu} {url}");
        }
    }

    #[test]
    fn another_address_is_another() {
        for (htu, url) in [
            ("https://api.example/a", "https://api.example/A"),
            ("https://api.example/a", "https://api.example/a/"),
            ("https://api.example/a/b", "https://api.example/a%2Fb"),
            ("https://api.example/a", "http://api.example/a"),
            ("https://api.example:8443/a", "https://api.example/a"),
            ("https://api.example.evil.example/a", "https://api.example/a"),
            ("https://api.example@evil.example/a", "https://api.example/a"),
            ("https://user@api.example/a", "https://api.example/a"),
            ("https:\\\\api.example\\a", "https://api.example/a"),
            ("https://api.example/\ta", "https://api.example/a"),
            ("/a", "https://api.example/a"),
            ("", ""),
            ("data:a", "data:a"),
        ] {
            assert!(!same(htu, url), "{htu} {url}");
        }
    }
}
