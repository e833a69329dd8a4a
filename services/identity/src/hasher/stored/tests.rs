use super::*;

/// Of Openwall's crypt_blowfish; the names `$2a$`, `$2b$` and `$2y$` mean the same for it.
const BCRYPT: &str = "05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
const BCRYPT_OF_72: &str = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
const SALT: &str = "000102030405060708090a0b0c0d0e0f";
const KEY: &str = "eedf8cd62212c4ef27d18a5f1f23f875e2571a8d6bc3cea577255d2cfe8729d8d4646badd72958bccbc96ef736af3a9cc0a4735cee8541bee27d392aeafffc3c";

fn verify(password: &str, stored: &str) -> Verified {
    let engine = Engine::new(Params::new(64, 1, 1, None).unwrap());
    Stored::parse(stored).unwrap().verify(&password.into(), &engine).unwrap()
}

fn defect(stored: &str) -> Option<Defect> {
    Stored::parse(stored).err()
}

#[test]
fn argon2id_verifies_whatever_it_cost() {
    // Of the reference implementation's tests; their salt of eight bytes is shorter than ours.
    for stored in [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ] {
        assert_eq!(verify("password", stored), Verified::Right { upgrade: true }, "{stored}");
        assert_eq!(verify("Password", stored), Verified::Wrong, "{stored}");
    }
}

#[test]
fn bcrypt_verifies_under_each_of_its_names() {
    for name in ["$2a$", "$2b$", "$2y$"] {
        let stored = format!("{name}{BCRYPT}");
        assert_eq!(verify("U*U", &stored), Verified::Right { upgrade: true }, "{name}");
        assert_eq!(verify("U*U*", &stored), Verified::Wrong, "{name}");
    }
}

#[test]
fn bcrypt_looks_at_72_bytes() {
    let first = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    assert_eq!(first.len(), 72);
    for ignored in ["", "chars after 72 are ignored", "\u{1f600}"] {
        let password = format!("{first}{ignored}");
        assert_eq!(verify(&password, BCRYPT_OF_72), Verified::Right { upgrade: true }, "{ignored}");
    }
    assert_eq!(verify(&first[1..], BCRYPT_OF_72), Verified::Wrong);
}

#[test]
fn scrypt_is_read_as_better_auth_wrote_it() {
    let stored = format!("{SALT}:{KEY}");
    assert_eq!(stored.len(), 161);
    assert_eq!(verify("password123", &stored), Verified::Right { upgrade: true });
    assert_eq!(verify("password124", &stored), Verified::Wrong);
}

#[test]
fn scrypt_does_not_tell_apart_what_unicode_holds_equal() {
    // Made by Node's crypto of the composed form.
    let stored = format!(
        "{SALT}:d12e73b668bb6283fe8bab555f11853516641bfe282eadaeb5db74543b8ca57fb4ee994f62ab65d18d1016e358dcee4a7ad425d7c2c9595c84c95a04029e7b23"
    );
    for same in ["caf\u{e9} office", "cafe\u{301} office", "caf\u{e9} o\u{fb03}ce"] {
        assert_eq!(verify(same, &stored), Verified::Right { upgrade: true }, "{same}");
    }
    assert_eq!(verify("cafe office", &stored), Verified::Wrong);
}

#[test]
fn a_cost_beyond_the_bounds_is_refused_before_any_work() {
    let argon2 =
        |cost: &str| format!("$argon2id$v=19${cost}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4");
    for stored in [
        argon2("m=4194304,t=2,p=1"),
        argon2("m=4294967295,t=4294967295,p=1"),
        argon2("m=262145,t=1,p=1"),
        argon2("m=262144,t=5,p=1"),
        argon2("m=256,t=4294967295,p=1"),
        argon2("m=1024,t=1,p=17"),
        format!("$2b$31{}", &BCRYPT[2..]),
        format!("$2b$16{}", &BCRYPT[2..]),
        format!("$2y$99{}", &BCRYPT[2..]),
    ] {
        assert_eq!(defect(&stored), Some(Defect::TooCostly), "{stored}");
    }
    for stored in [argon2("m=262144,t=4,p=16"), format!("$2b$15{}", &BCRYPT[2..])] {
        assert_eq!(defect(&stored), None, "{stored}");
    }
}

#[test]
fn garbage_is_refused() {
    let hash = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for (stored, expected) in [
        (String::new(), Defect::Unknown),
        ("password".to_owned(), Defect::Unknown),
        ("\u{1f600}\u{1f600}".to_owned(), Defect::Unknown),
        (format!("$2x${BCRYPT}"), Defect::Unknown),
        (format!("$argon2i$v=19$m=256,t=2,p=1${hash}"), Defect::Unknown),
        (format!("$argon2d$v=19$m=256,t=2,p=1${hash}"), Defect::Unknown),
        ("$argon2id$".to_owned(), Defect::Malformed),
        ("$argon2id$v=19$m=256,t=2,p=1".to_owned(), Defect::Malformed),
        ("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ".to_owned(), Defect::Malformed),
        (format!("$argon2id$v=18$m=256,t=2,p=1${hash}"), Defect::Malformed),
        (format!("$argon2id$v=19$m=-1,t=2,p=1${hash}"), Defect::Malformed),
        (format!("$argon2id$v=19$m=0,t=0,p=0${hash}"), Defect::Malformed),
        (format!("$argon2id$v=19$m=99999999999,t=2,p=1${hash}"), Defect::Malformed),
        ("$2b$05$".to_owned(), Defect::Malformed),
        (format!("$2b$03{}", &BCRYPT[2..]), Defect::Malformed),
        (format!("$2b$xx{}", &BCRYPT[2..]), Defect::Malformed),
        (format!("$2b${BCRYPT}x"), Defect::Malformed),
        (format!("$2b$05$\u{e9}{}", &BCRYPT[5..]), Defect::Malformed),
        (":".to_owned(), Defect::Malformed),
        (format!("{SALT}:"), Defect::Malformed),
        (format!("{SALT}:{KEY}00"), Defect::Malformed),
        (format!("{}:{KEY}", &SALT[2..]), Defect::Malformed),
        (format!("{}zz:{KEY}", &SALT[2..]), Defect::Malformed),
        (format!("{SALT}:{}zz", &KEY[2..]), Defect::Malformed),
        (format!("{SALT}:{KEY}:{KEY}"), Defect::Malformed),
    ] {
        assert_eq!(defect(&stored), Some(expected), "{stored}");
    }
}
