//! The attack checklist of accounts and sessions, line by line: a test is named after the line that it
//! holds. Lines about what we do not offer (an OpenID provider of our own, second factors, devices)
//! are not here.

mod accounts;
mod admins;
mod cookies;
mod erasure;
mod events;
mod fail_closed;
mod guesses;
mod life;
mod limits;
mod links;
mod origins;
mod parsers;
mod people;
mod providers;
mod revocation;
mod ssrf;
mod tokens;
mod traces;
mod visitor;
