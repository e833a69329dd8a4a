//! Who may depend on whom: ARCHITECTURE.md as a check over `cargo metadata`.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

const PREFIX: &str = "intellistack-";

/// What a library may use of ours. What is not listed here is not a library of ours.
const LIBS: [(&str, &[&str]); 8] = [
    ("kernel", &[]),
    ("api", &["kernel"]),
    ("auth", &["kernel"]),
    ("eventstore", &["kernel"]),
    ("projection", &["kernel", "api", "eventstore"]),
    ("runtime", &["kernel"]),
    ("testkit", &["kernel", "runtime"]),
    ("fuzz", &[]),
];

/// For tests.
const DEV_ONLY: [&str; 2] = ["testkit", "fuzz"];

/// Neither a runtime nor a wire nor a database below the domain.
const NOT_BELOW_KERNEL: [&str; 8] =
    ["tokio", "sqlx", "tonic", "async-nats", "axum", "hyper", "reqwest", "futures"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Dev,
}

/// A crate of the workspace by its folder: `services/identity`.
fn judge(from: &str, to: &str, kind: Kind) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("{from} -> {to}: {why}"));
    let (from_folder, from_name) = from.split_once('/').unwrap_or((from, ""));
    let (to_folder, to_name) = to.split_once('/').unwrap_or((to, ""));
    if DEV_ONLY.contains(&to_name) && kind == Kind::Normal && from_folder != "bench" {
        return refuse("a dev-dependency only");
    }
    match (from_folder, to_folder) {
        (_, "bin") => refuse("nothing depends on a binary"),
        ("tests", _) => refuse("the whole-system tests look from outside"),
        (_, "tests" | "bench") => refuse("nothing depends on tests"),
        ("bin" | "bench", _) | ("services", "libs") => Ok(()),
        ("services", "services") => refuse("services know each other by their protocols only"),
        ("libs", "services") => refuse("a library knows no service"),
        // Its tests want more of its features than its users.
        ("libs", "libs") if from_name == to_name && kind == Kind::Dev => Ok(()),
        ("libs", "libs") => {
            let allowed = LIBS.iter().find(|(name, _)| *name == from_name).map(|(_, allowed)| *allowed);
            match allowed {
                None => refuse("a new library: say in this test what it may use"),
                Some(allowed) if allowed.contains(&to_name) => Ok(()),
                Some(_) if DEV_ONLY.contains(&to_name) && from_name != "kernel" => Ok(()),
                Some(_) => refuse("not among what this library may use"),
            }
        }
        _ => refuse("a folder that ARCHITECTURE.md does not know"),
    }
}

fn metadata() -> Metadata {
    let version = Command::new("rustc").arg("-vV").output().expect("run rustc");
    let version = String::from_utf8(version.stdout).expect("text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("the host's triple");
    // Without the filter, crates for other systems would have to be downloaded.
    let options = ["--locked", "--filter-platform", host].map(str::to_owned);
    MetadataCommand::new().other_options(options).exec().expect("run cargo metadata")
}

/// Package name to folder, of the workspace's members.
fn members(metadata: &Metadata) -> BTreeMap<String, String> {
    let folders = metadata.workspace_packages().into_iter().map(|package| {
        let folder = package.manifest_path.parent().expect("a folder");
        let folder = folder.strip_prefix(&metadata.workspace_root).expect("a folder of the workspace");
        (package.name.to_string(), folder.to_string())
    });
    folders.collect()
}

#[test]
fn every_crate_depends_only_on_what_its_place_allows() {
    let metadata = metadata();
    let members = members(&metadata);
    assert!(members.len() > 15, "the workspace was read: {members:?}");
    let mut refused = BTreeSet::new();
    let mut edges = 0;
    for package in metadata.workspace_packages() {
        let from = &members[package.name.as_str()];
        for dependency in &package.dependencies {
            let Some(to) = members.get(dependency.name.as_str()) else { continue };
            edges += 1;
            let kind = if dependency.kind == DependencyKind::Development { Kind::Dev } else { Kind::Normal };
            refused.extend(judge(from, to, kind).err());
        }
    }
    assert!(edges > 30, "the dependencies were read: {edges}");
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn a_forbidden_edge_is_found() {
    for (from, to, kind) in [
        ("services/identity", "services/session", Kind::Normal),
        ("services/identity", "services/session", Kind::Dev),
        ("services/identity", "bin/intellistack", Kind::Normal),
        ("services/identity", "libs/testkit", Kind::Normal),
        ("bin/intellistack", "libs/testkit", Kind::Normal),
        ("libs/auth", "libs/fuzz", Kind::Normal),
        ("libs/auth", "libs/auth", Kind::Normal),
        ("libs/auth", "services/session", Kind::Normal),
        ("libs/eventstore", "libs/projection", Kind::Normal),
        ("libs/kernel", "libs/api", Kind::Normal),
        ("libs/kernel", "libs/testkit", Kind::Dev),
        ("libs/api", "libs/runtime", Kind::Dev),
        ("libs/brandnew", "libs/kernel", Kind::Normal),
        ("tests/e2e", "libs/kernel", Kind::Dev),
        ("services/identity", "tests/e2e", Kind::Dev),
        ("elsewhere/thing", "libs/kernel", Kind::Normal),
    ] {
        assert!(judge(from, to, kind).is_err(), "{from} -> {to} ({kind:?}) is not found");
    }
    for (from, to, kind) in [
        ("services/identity", "libs/eventstore", Kind::Normal),
        ("services/identity", "libs/testkit", Kind::Dev),
        ("bin/intellistack", "services/identity", Kind::Normal),
        ("libs/projection", "libs/eventstore", Kind::Normal),
        ("libs/auth", "libs/auth", Kind::Dev),
    ] {
        assert_eq!(judge(from, to, kind), Ok(()));
    }
}

#[test]
fn the_kernel_stands_on_no_runtime_no_wire_and_no_database() {
    let metadata = metadata();
    let below = below(&metadata, "intellistack-kernel");
    assert!(below.contains("prost") && below.contains("thiserror"), "the tree was read: {below:?}");
    let found: Vec<&str> = NOT_BELOW_KERNEL.into_iter().filter(|name| below.contains(*name)).collect();
    assert!(found.is_empty(), "the kernel stands on {found:?}");
    // The same walk finds what is there.
    let below_runtime = self::below(&metadata, "intellistack-runtime");
    for name in ["tokio", "sqlx", "tonic"] {
        assert!(below_runtime.contains(name), "{name} is below runtime: {below_runtime:?}");
    }
}

#[test]
fn every_crate_is_named_after_its_folder() {
    for (package, folder) in members(&metadata()) {
        let name = folder.rsplit('/').next().expect("a name");
        assert!(package == name || package == format!("{PREFIX}{name}"), "{folder} holds {package}");
    }
}

/// Names of everything that a package links, itself excluded.
fn below(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let start = names.iter().find(|(_, name)| **name == package).map(|(id, _)| *id).expect("the package");
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        let node = resolve.nodes.iter().find(|node| node.id == *id).expect("a node of the graph");
        let linked = node
            .deps
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        for dependency in linked {
            if seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(|id| names[id].to_owned()).collect()
}
