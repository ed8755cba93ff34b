//! What we build on: licences, versions with known faults, crates that must not come in.

use std::process::Command;

use serde_json::Value;

use crate::harness::backend::say;
use crate::source;

/// Crates that stay out, and why.
const BANNED: [(&str, &str); 6] = [
    ("serde_yml", "unsound, RUSTSEC-2025-0068"),
    ("openssl", "TLS and signatures come from aws-lc"),
    ("native-tls", "TLS and signatures come from aws-lc"),
    ("num-bigint-dig", "belongs to rsa 0.9, RUSTSEC-2023-0071"),
    ("ring", "one cryptographic library is enough"),
    ("atty", "unmaintained"),
];

/// Versions below which a crate has a fault that concerns us; absent crates pass.
const FLOORS: [(&str, &str, &str); 9] = [
    ("diesel", "2.3.10", "RUSTSEC-2026-0111, RUSTSEC-2026-0172"),
    ("jsonwebtoken", "10.3.0", "CVE-2026-25537"),
    ("tracing-subscriber", "0.3.20", "RUSTSEC-2025-0055"),
    ("h2", "0.4.16", "RUSTSEC-2026-0258"),
    ("bytes", "1.11.1", "RUSTSEC-2026-0007"),
    ("time", "0.3.47", "stack exhaustion while parsing"),
    ("idna", "1.0.3", "RUSTSEC-2024-0421"),
    ("rsa", "0.10.0", "RUSTSEC-2023-0071"),
    // 0.38.0 bundles a SQLite without the WAL-reset fault of 3.7.0 to 3.51.2.
    ("libsqlite3-sys", "0.38.0", "SQLite's WAL reset"),
];

/// Licences that one may build a permissively licensed program on.
const LICENCES: [&str; 20] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "CC0-1.0",
    "0BSD",
    "MPL-2.0",
    "OpenSSL",
    "MIT-0",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "PostgreSQL",
    "NCSA",
];

#[test]
fn banned_crates_stay_out() {
    let locked = locked();
    let found: Vec<String> = BANNED
        .iter()
        .filter(|(name, _)| locked.iter().any(|(locked, _)| locked == name) && may_be_built(name))
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    source::none(&found, "banned crates");
}

/// Whether any feature of ours builds a crate of the lock file: it also lists what no feature turns on, such as
/// the other cryptographic library of a TLS library. A doubt is a yes.
fn may_be_built(name: &str) -> bool {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--all-features", "--edges", "normal,build,dev"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--invert", name])
        .current_dir(source::root())
        .output()
        .expect("cargo runs");
    !output.status.success() || !output.stdout.iter().all(u8::is_ascii_whitespace)
}

#[test]
fn versions_are_above_known_faults() {
    let mut found = Vec::new();
    for (name, floor, why) in FLOORS {
        for (_, version) in locked().iter().filter(|(locked, _)| locked == name) {
            if numbers(version) < numbers(floor) {
                found.push(format!("{name} {version} is below {floor}: {why}"));
            }
        }
    }
    source::none(&found, "versions with known faults in Cargo.lock");
}

#[test]
fn every_crate_comes_from_the_registry() {
    let lock = source::read("Cargo.lock");
    let found: Vec<String> = lock
        .lines()
        .filter(|line| line.starts_with("source = ") && !line.contains("\"registry+"))
        .map(str::to_owned)
        .collect();
    source::none(&found, "crates from elsewhere");
}

#[test]
fn every_licence_is_permissive() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--all-features"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(source::root())
        .output()
        .expect("cargo runs");
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        let first = why.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        say(&format!("LEFT OUT: licences; cargo metadata needs crates that are not here ({first})"));
        return;
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo's JSON");
    let found: Vec<String> = metadata["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|package| package["source"].is_string())
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or("none stated");
            (!permitted(licence)).then(|| format!("{} {}: {licence}", package["name"], package["version"]))
        })
        .collect();
    source::none(&found, "licences that are not on the list");
}

/// RUSTSEC-2023-0071: `rsa` makes keys and reads PEM; what it signs or decrypts can be timed.
#[test]
fn rsa_never_signs_nor_decrypts() {
    let words = [
        "SigningKey",
        "DecryptingKey",
        ".decrypt(",
        "sign_with_rng",
        "Pkcs1v15Sign",
        "Pkcs1v15Encrypt",
        "Oaep",
        "rsa::pss",
    ];
    let mut found = Vec::new();
    for file in source::src() {
        if !file.without_tests().contains("rsa::") {
            continue;
        }
        for (number, line) in file.lines().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{}:{number}: {word}", file.path));
            }
        }
    }
    source::none(&found, "rsa is for generating keys only");
}

/// Advisories need a program and its database; both are left to where they are installed.
#[test]
fn advisories_where_a_database_is_present() {
    let database =
        std::env::var_os("HOME").map(|home| std::path::Path::new(&home).join(".cargo/advisory-db"));
    let present = database.is_some_and(|folder| folder.join("crates").exists());
    let program = Command::new("cargo-audit").arg("--version").output().is_ok();
    if !(present && program) {
        say(
            "LEFT OUT: advisories; cargo-audit or its database is not installed (version floors were checked)",
        );
        return;
    }
    let output = Command::new("cargo-audit")
        .args(["audit", "--no-fetch", "--ignore", "RUSTSEC-2023-0071"])
        .current_dir(source::root())
        .output()
        .expect("cargo-audit runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_lock_file_of_the_interop_clients_names_no_host() {
    let lock = source::read("tests/interop/package-lock.json");
    assert!(lock.contains("\"integrity\""), "every package is pinned by its digest");
    assert!(!lock.contains("\"resolved\""), "strip `resolved` from package-lock.json");
}

/// An SPDX expression: each part of an AND must have one permitted choice of its OR.
fn permitted(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|choice| LICENCES.contains(&choice.trim())))
}

fn locked() -> Vec<(String, String)> {
    let lock = source::read("Cargo.lock");
    let value = |line: &str, key: &str| -> Option<String> {
        Some(line.strip_prefix(key)?.trim_matches(['"', ' ', '=']).to_owned())
    };
    let names = lock.lines().filter_map(|line| value(line, "name = "));
    let versions = lock.lines().skip(4).filter_map(|line| value(line, "version = "));
    names.zip(versions).collect()
}

fn numbers(version: &str) -> Vec<u64> {
    let core = version.split(['-', '+']).next().unwrap_or(version);
    core.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

#[test]
fn the_reader_of_licences_knows_and_from_or() {
    assert!(
        permitted("MIT OR Apache-2.0")
            && permitted("(MIT OR GPL-3.0) AND ISC")
            && permitted("MIT/Apache-2.0")
    );
    assert!(!permitted("GPL-3.0") && !permitted("MIT AND GPL-3.0"));
}
