//! Stock client libraries from npm, unmodified, against the server: `tests/interop/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::fixtures::NewClient;
use crate::harness::{Server, backend, keys, scope};
use crate::source;

on_both! {
    fn openid_client(server: &Server) {
        run(server, "openid-client.mjs");
    }

    fn oauth4webapi(server: &Server) {
        run(server, "oauth4webapi.mjs");
    }
}

fn run(server: &Server, script: &str) {
    let Some(folder) = packages() else { return };
    let confidential = server.confidential_client(&[]);
    let public = server.public_client(&[]);
    let service = server.client(&NewClient::jwt(keys::CLIENT));
    let output = Command::new("node")
        .arg(script)
        .current_dir(folder)
        .env("ISSUER", server.issuer())
        .env("CONSENT_URL", server.mounted("oauth-authorization-codes/authorize"))
        .env("USER_TOKEN", server.admin().jwt(server))
        .env("SCOPE", format!("{} {}", scope::FIND, scope::FIND_ONE))
        .env("REDIRECT_URI", &confidential.redirect_uri)
        .env("CONFIDENTIAL_ID", &confidential.id)
        .env("CONFIDENTIAL_SECRET", confidential.secret.as_deref().expect("a secret"))
        .env("PUBLIC_ID", &public.id)
        .env("SERVICE_ID", &service.id)
        .env("SERVICE_KEY", keys::CLIENT.private)
        .output()
        .expect("node runs");
    assert!(
        output.status.success(),
        "{script}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The folder with the scripts and the packages of the lock file, installed once for each state of them.
fn packages() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER
        .get_or_init(|| match install() {
            Ok(folder) => Some(folder),
            Err(why) => {
                let required = std::env::var("GRANTWOOD_TEST_REQUIRE_NODE").as_deref() == Ok("1");
                assert!(!required, "GRANTWOOD_TEST_REQUIRE_NODE=1, and {why}");
                backend::say(&format!("LEFT OUT: the npm clients; {why}"));
                None
            }
        })
        .as_deref()
}

fn install() -> Result<PathBuf, String> {
    let version = Command::new("node").arg("--version").output().map_err(|_| "node is not installed")?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major: u32 = version.trim_start_matches('v').split('.').next().unwrap_or("").parse().unwrap_or(0);
    if major < 20 {
        return Err(format!("node is {version}, 20 or newer is needed"));
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
    let from = source::root().join("tests/interop");
    std::fs::create_dir_all(&folder).expect("a folder");
    for entry in std::fs::read_dir(&from).expect("tests/interop").flatten().filter(|e| e.path().is_file()) {
        std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy");
    }
    let lock = std::fs::read(from.join("package-lock.json")).expect("the lock file");
    let stamp = folder.join("node_modules/.installed-lock.json");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
        .current_dir(&folder)
        .output()
        .map_err(|_| "npm is not installed")?;
    if !output.status.success() {
        return Err(format!("npm ci failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    std::fs::write(stamp, lock).expect("a stamp");
    Ok(folder)
}
