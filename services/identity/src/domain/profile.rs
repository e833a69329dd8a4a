const MAX_NAME_CHARS: usize = 100;
/// Characters without a shape of their own.
const INVISIBLE: [char; 9] = [
    '\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{3164}', '\u{feff}',
];
const MAX_REASON_CHARS: usize = 200;
const MAX_IMAGE_BYTES: usize = 2048;
const MAX_USER_AGENT_BYTES: usize = 512;
const MAX_IP_BYTES: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProfileError {
    Name,
    Image,
    BanReason,
}

/// The name as it is stored: trimmed, one line.
pub(crate) fn name(text: &str) -> Result<String, ProfileError> {
    line(text, MAX_NAME_CHARS)
}

fn line(text: &str, most: usize) -> Result<String, ProfileError> {
    let name = text.trim();
    let fits = (1..=most).contains(&name.chars().count());
    // U+2028/2029 and the bidirectional overrides end or turn a line without being "control".
    let plain = !name
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    // Somebody must be able to see it.
    let visible = name.chars().any(|c| !c.is_whitespace() && !INVISIBLE.contains(&c));
    if fits && plain && visible { Ok(name.to_owned()) } else { Err(ProfileError::Name) }
}

/// The address of a picture: https or http, nothing a page could execute.
pub(crate) fn image(text: Option<String>) -> Result<Option<String>, ProfileError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let plain = |url: &url::Url| url.username().is_empty() && url.password().is_none();
    let web = url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && plain(&url));
    let one_word = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if web && one_word && text.len() <= MAX_IMAGE_BYTES { Ok(Some(text)) } else { Err(ProfileError::Image) }
}

/// Why someone is banned: one line for the user to read.
pub(crate) fn ban_reason(text: &str) -> Result<String, ProfileError> {
    if text.trim().is_empty() {
        return Ok("No reason".to_owned());
    }
    line(text, MAX_REASON_CHARS).map_err(|_| ProfileError::BanReason)
}

/// Where a request came from, cut to what the log keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) ip: String,
    pub(crate) user_agent: String,
}

impl Origin {
    pub(crate) fn new(ip: &str, user_agent: &str) -> Self {
        Self { ip: cut(ip, MAX_IP_BYTES), user_agent: cut(user_agent, MAX_USER_AGENT_BYTES) }
    }
}

fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_trimmed_line() {
        assert_eq!(name("  Ada Lovelace \n"), Ok("Ada Lovelace".to_owned()));
        for bad in ["", "  ", "a\nb", "a\0b", "a\u{202e}b", "\u{200b}", &"x".repeat(101)] {
            assert_eq!(name(bad), Err(ProfileError::Name), "{bad:?}");
        }
    }

    #[test]
    fn a_picture_is_a_web_address() {
        assert_eq!(image(None), Ok(None));
        assert_eq!(image(Some(String::new())), Ok(None));
        assert!(image(Some("https://example.com/a.png".to_owned())).is_ok());
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "/a.png",
            "file:///etc/passwd",
            "https://x.example/ y",
            "https://x.example/\n",
            "https://u:p@x.example/",
        ] {
            assert_eq!(image(Some(bad.to_owned())), Err(ProfileError::Image), "{bad}");
        }
    }

    #[test]
    fn a_long_user_agent_is_cut_between_characters() {
        let origin = Origin::new("192.0.2.1", &"é".repeat(400));
        assert_eq!(origin.user_agent.len(), 512);
        assert_eq!(origin.ip, "192.0.2.1");
    }
}
