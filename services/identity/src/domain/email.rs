use std::fmt;

/// RFC 5321, section 4.5.3.1: 64 bytes before the `@`, 254 in all.
const MAX_LOCAL: usize = 64;
const MAX_TOTAL: usize = 254;
/// RFC 1035, section 2.3.4.
const MAX_LABEL: usize = 63;

/// An address in its one stored form. Only ASCII gets here, so lower case is the whole
/// normalisation and no two spellings of one address exist (homoglyphs, NFKC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmailAddress(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidEmail;

impl EmailAddress {
    /// The rule of the Better-Auth contract: a dotted domain, a top level of two or more letters,
    /// an ASCII local part. Not trimmed. A domain that no mail can reach is none.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let fits = text.len() <= MAX_TOTAL && local.len() <= MAX_LOCAL;
        if fits && is_local(local) && is_domain(domain) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidEmail)
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_local(local: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_'+-.".contains(&byte);
    !local.is_empty()
        && local.bytes().all(known)
        && !local.starts_with('.')
        && !local.ends_with(['.', '\''])
        && !local.contains("..")
}

fn is_domain(domain: &str) -> bool {
    let Some((labels, top)) = domain.rsplit_once('.') else { return false };
    let is_label = |label: &str| {
        label.len() <= MAX_LABEL
            && label.starts_with(|first: char| first.is_ascii_alphanumeric())
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_top = (2..=MAX_LABEL).contains(&top.len()) && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_top && labels.split('.').all(is_label)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_stored_in_lower_case() {
        let address = EmailAddress::parse("Ada.Lovelace+Tag@Mail.Example.COM").unwrap();
        assert_eq!(address.as_str(), "ada.lovelace+tag@mail.example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}.com", "b.".repeat(130));
        let long_label = format!("a@{}.com", "b".repeat(64));
        for bad in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@example",
            "a@example.c",
            "a@example.c0m",
            " a@example.com",
            "a@example.com ",
            "a@example.com.",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a@b@example.com",
            "a b@example.com",
            "a@-example.com",
            "a@example-.com",
            "a@exa_mple.com",
            "a@.com",
            "ä@example.com",
            "a@exämple.com",
            "a＠example.com",
            "a@example.com\r\nBcc: b@example.com",
            "a\0@example.com",
            "<a@example.com>",
            "a'@example.com",
            &long_local,
            &long,
            &long_label,
        ] {
            assert_eq!(EmailAddress::parse(bad), Err(InvalidEmail), "{bad:?}");
        }
    }

    #[test]
    fn every_character_of_the_contract_is_taken() {
        for good in ["o'hara@example.com", "_a-b+c.d@example.co", "1@2.io", "a@sub-domain.example.museum"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good}");
        }
    }
}
