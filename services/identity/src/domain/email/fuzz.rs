//! Whatever a person calls an address, what is stored has one spelling and can be mailed.

use ::fuzz::{check, near};
use lettre::Message;
use lettre::address::Address;
use lettre::message::Mailbox;
use unicode_normalization::UnicodeNormalization;

use super::*;

const SEEDS: [&str; 6] = [
    "ada@example.com",
    "Ada.Lovelace+Tag@Mail.Example.COM",
    "o'hara@sub-domain.example.museum",
    "_a-b+c.d@xn--bcher-kva.example",
    "ada@example.com\r\nBcc: eve@example.com",
    "\"Ada\" <ada@example.com>",
];
const WORDS: &[&str] = &[
    "@",
    ".",
    "..",
    "-",
    "_",
    "+",
    "'",
    "\"",
    "<",
    ">",
    ",",
    ";",
    ":",
    "(",
    ")",
    "\\",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\r",
    "\0",
    "%0d%0a",
    "%40",
    "\u{e4}",
    "\u{130}",
    "\u{212a}",
    "\u{ff20}",
    "\u{ff0e}",
    "\u{3002}",
    "\u{200b}",
    "\u{202e}",
    "A",
    "co",
    "example.com",
    "[127.0.0.1]",
    "=?utf-8?q?a?=",
    "\r\nRCPT TO:<eve@example.com>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.",
];

#[test]
fn what_is_taken_as_an_address_has_one_spelling_and_can_be_mailed() {
    let sender: Mailbox = "IntelliStack <no-reply@school.example>".parse().unwrap();
    check!().with_iterations(10_000).with_generator(near(SEEDS, WORDS).text()).for_each(|text| {
        let Ok(address) = EmailAddress::parse(text) else { return };
        let stored = address.as_str();
        assert_eq!(EmailAddress::parse(stored).as_ref(), Ok(&address));
        assert_eq!(EmailAddress::parse(&text.to_ascii_uppercase()).as_ref(), Ok(&address));
        assert_eq!((address.to_string(), text.to_lowercase()), (stored.to_owned(), stored.to_owned()));
        assert!(stored.nfkc().eq(stored.chars()) && stored.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(stored.len() <= MAX_TOTAL && stored.matches('@').count() == 1);
        assert!(!stored.contains(['<', '>', '"', ',', ';', ':', '\\', '(', ')', '%', '[', ']']), "{stored}");

        let to = Mailbox::new(None, stored.parse::<Address>().expect("an address for the mailer"));
        let message = Message::builder().from(sender.clone()).to(to).body(String::new()).unwrap();
        let recipients = message.envelope().to();
        assert_eq!(recipients.iter().map(ToString::to_string).collect::<Vec<_>>(), [stored]);
    });
}
