use crate::Entropy;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal + $len:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A fresh id.
            pub fn generate(entropy: &dyn Entropy) -> Self {
                Self(format!(concat!($prefix, "{}"), entropy.alphanumeric($len)))
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
            pub fn into_string(self) -> String {
                self.0
            }
        }
        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A user. Imported accounts keep the id they came with, so the text is opaque.
    UserId = "" + 32;
    SessionId = "" + 32;
    CourseId = "crs_" + 24;
    ThreadId = "thr_" + 24;
    /// An item of a thread. 142 random bits: the client keys items by id, a collision overwrites.
    ItemId = "msg_" + 24;
    TurnId = "trn_" + 24;
}
