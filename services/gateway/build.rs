//! The web app is embedded from `web/dist`. A build without it (`cargo check` in a fresh clone)
//! embeds nothing, and the gateway then answers pages with a typed 503.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    std::fs::create_dir_all(dist)
}
