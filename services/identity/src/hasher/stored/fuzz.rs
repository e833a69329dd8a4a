//! Whatever stands where a hash should, reading it does not panic and comparing with it has a price
//! that is known before.

use ::fuzz::{check, near, product};

use super::*;

const SEEDS: [&str; 6] = [
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "$argon2id$m=64,t=2,p=1,keyid=Zm9v,data=YmFy$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "$argon2i$v=16$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "000102030405060708090a0b0c0d0e0f:eedf8cd62212c4ef27d18a5f1f23f875e2571a8d6bc3cea577255d2cfe8729d8d4646badd72958bccbc96ef736af3a9cc0a4735cee8541bee27d392aeafffc3c",
];
const WORDS: &[&str] = &[
    "$",
    "$$",
    "$argon2id",
    "$argon2i",
    "$argon2d",
    "$v=19",
    "$v=16",
    "$v=4294967295",
    "$m=",
    "m=8",
    "m=262144",
    "m=262145",
    "m=4294967295",
    ",t=0",
    ",t=4294967295",
    ",p=0",
    ",p=16777215",
    ",data=",
    ",keyid=",
    "$2a$",
    "$2b$",
    "$2x$",
    "$2y$",
    "04$",
    "15$",
    "16$",
    "31$",
    "99$",
    "+4$",
    "=",
    ",",
    ":",
    "/",
    ".",
    "-",
    "\u{e9}",
    "\u{1f512}",
    "\0",
    "00000000000000000000000000000000:",
];

/// What it takes to compare: KiB of memory, and how often they are gone over.
fn price(stored: &Stored) -> (u64, u64) {
    match stored {
        Stored::Argon2id { params, .. } => (params.m_cost().into(), params.t_cost().into()),
        Stored::Bcrypt { text } => (4, 1 << text.parse::<HashParts>().unwrap().get_cost()),
        Stored::Scrypt { .. } => (32 * 1024, 1),
    }
}

/// Parameters of every size.
fn shapes() -> Vec<String> {
    let names = ["$argon2id$v=19", "$argon2id", "$argon2id$v=16", "$argon2d$v=19"];
    let memory = ["$m=8", "$m=64", "$m=262144", "$m=262145", "$m=4294967295", "$m=4294967296", ""];
    let passes = [",t=0", ",t=1", ",t=4", ",t=5", ",t=16384", ",t=4294967295"];
    let lanes = [",p=0", ",p=1", ",p=16", ",p=17", ",p=16777215"];
    let rest = ["$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$c29t$AAAAAAAAAAAAAAAAAAAAAA", "$c29tZXNhbHQ", ""];
    product(&[&names, &memory, &passes, &lanes, &rest])
}

fn judge(text: &str, wrong: &SecretString) {
    let Ok(stored) = Stored::parse(text) else { return };
    let (memory, passes) = price(&stored);
    assert!(memory <= MAX_MEMORY_KIB.into() && memory * passes <= MAX_MEMORY_PASSES_KIB, "{memory} {passes}");
    if let Stored::Argon2id { params, .. } = &stored {
        assert!(params.p_cost() <= MAX_LANES, "{}", params.p_cost());
    }
    // What is cheap is compared as well.
    if memory * passes <= 256 {
        let engine = Engine::new(Params::default());
        assert!(!matches!(stored.verify(wrong, &engine), Ok(Verified::Right { .. })));
    }
}

#[test]
fn no_stored_text_panics_or_costs_more_than_allowed() {
    let wrong = SecretString::from("wrong");
    let shapes = shapes();
    for text in &shapes {
        judge(text, &wrong);
    }
    let good = SEEDS.into_iter().cycle().take(shapes.len()).map(str::to_owned);
    let seeds: Vec<String> = good.chain(shapes.clone()).collect();
    check!()
        .with_iterations(8_000)
        .with_generator(near(seeds, WORDS).text())
        .for_each(|text| judge(text, &wrong));
}
