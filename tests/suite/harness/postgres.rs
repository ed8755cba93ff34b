//! A PostgreSQL cluster of the run's own: made once, thrown away, one database a server.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use super::watchdog;

/// The run's cluster.
pub struct Cluster {
    programs: PathBuf,
    data: PathBuf,
    port: u16,
    account: Option<Account>,
}

/// PostgreSQL refuses to run as root; as root, it runs as this user.
#[derive(Clone)]
struct Account {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl Cluster {
    /// The run's cluster, or nothing where PostgreSQL's server programs are not installed.
    pub fn shared() -> Option<&'static Self> {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        CLUSTER.get_or_init(Self::start).as_ref()
    }

    /// An empty database, as a URL that the server takes.
    pub fn database(&self, name: &str) -> String {
        let made = self.sql("postgres", &format!("CREATE DATABASE {name}"));
        assert!(made.status.success(), "CREATE DATABASE {name}: {}", text(&made.stderr));
        format!("postgres://grantwood@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs one statement with `psql` and answers its rows, columns split by `|`.
    pub fn query(&self, database: &str, statement: &str) -> Vec<String> {
        let output = self.sql(database, statement);
        assert!(output.status.success(), "{statement}: {}", text(&output.stderr));
        text(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// Everything in a database, as `pg_dump` writes it.
    pub fn dump(&self, url: &str) -> String {
        let output =
            Command::new(self.programs.join("pg_dump")).args(["-d", url]).output().expect("pg_dump runs");
        assert!(output.status.success(), "pg_dump: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// A cluster of one story's own, which it may stop; the same standing alone, or nothing.
    pub fn own() -> Option<Self> {
        Self::start()
    }

    /// A hot standby of a primary, in a folder of its own. It applies what the primary commits.
    pub fn standby_of(primary: &Self) -> Self {
        let base = folder(primary.account.as_ref());
        let standby = Self {
            programs: primary.programs.clone(),
            data: base.join("data"),
            port: super::server::free_port(),
            account: primary.account.clone(),
        };
        let from = format!("host=127.0.0.1 port={} user=grantwood application_name=standby", primary.port);
        let copied = standby
            .command("pg_basebackup")
            .args(["--no-sync", "-c", "fast", "-X", "stream", "-R", "-d", &from, "-D"])
            .arg(&standby.data)
            .output()
            .expect("pg_basebackup runs");
        assert!(copied.status.success(), "pg_basebackup: {}", text(&copied.stderr));
        standby.launch();
        watchdog::postgres(&standby.data);
        watchdog::folder(&base);
        standby
    }

    /// Where it listens, as a URL's `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        let done = self.ctl(&["-w", "promote"]);
        assert!(done.status.success(), "pg_ctl promote: {}", text(&done.stderr));
    }

    /// Stops it: `fast` closes connections, `immediate` is a crash that leaves recovery to the next start.
    pub fn stop(&self, mode: &str) {
        let done = self.ctl(&["-w", "-m", mode, "stop"]);
        assert!(done.status.success(), "pg_ctl stop: {}", text(&done.stderr));
    }

    /// Starts it again.
    pub fn launch(&self) {
        let log = self.data.with_file_name("postgres.log");
        let options = format!(
            "-F -h 127.0.0.1 -p {} -k {} -c max_connections=300 -c shared_buffers=32MB",
            self.port,
            self.data.with_file_name("socket").display()
        );
        let started =
            self.ctl(&["-l", &log.display().to_string(), "-w", "-t", "30", "-o", &options, "start"]);
        assert!(started.status.success(), "pg_ctl start: {}{}", text(&started.stdout), text(&started.stderr));
    }

    fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var("GRANTWOOD_TEST_REQUIRE_POSTGRES").as_deref() != Ok("1"),
                "GRANTWOOD_TEST_REQUIRE_POSTGRES=1, and no initdb and pg_ctl were found"
            );
            super::backend::say(
                "LEFT OUT: every test over PostgreSQL; its server programs (initdb, pg_ctl) are not installed",
            );
            return None;
        };
        let account = account();
        let base = folder(account.as_ref());
        let cluster = Self { programs, data: base.join("data"), port: super::server::free_port(), account };
        let data = cluster.data.display().to_string();
        let made = cluster
            .command("initdb")
            .args(["-D", &data, "-U", "grantwood", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}{}", text(&made.stdout), text(&made.stderr));
        cluster.launch();
        watchdog::postgres(&cluster.data);
        watchdog::folder(&base);
        Some(cluster)
    }

    fn sql(&self, database: &str, statement: &str) -> Output {
        Command::new(self.programs.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "grantwood", "-d", database])
            .args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .output()
            .expect("psql runs")
    }

    fn ctl(&self, arguments: &[&str]) -> Output {
        self.command("pg_ctl").arg("-D").arg(&self.data).args(arguments).output().expect("pg_ctl runs")
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = match &self.account {
            None => Command::new(path),
            Some(account) => {
                let mut command = Command::new("runuser");
                command.args(["-u", account.name, "--"]).arg(path);
                command
            }
        };
        command.current_dir("/").env_remove("PGHOST").env_remove("PGPORT").env_remove("PGDATABASE");
        command
    }
}

/// The folder that holds `initdb`, `pg_ctl` and `psql`: on `PATH`, or the newest of Debian's.
fn programs() -> Option<PathBuf> {
    let complete =
        |folder: &PathBuf| ["initdb", "pg_ctl", "psql"].iter().all(|name| folder.join(name).exists());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort_by_key(|folder| version(folder));
    debian.reverse();
    debian.into_iter().chain(std::env::split_paths(&path)).find(complete)
}

fn version(folder: &Path) -> u32 {
    folder
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str())
        .and_then(|name| name.parse().ok())
        .unwrap_or(0)
}

fn account() -> Option<Account> {
    // SAFETY: geteuid reads a number and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    ["postgres", "nobody"].into_iter().find_map(|name| {
        let number = |flag: &str| -> Option<u32> {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            output.status.success().then(|| text(&output.stdout).trim().parse().ok())?
        };
        Some(Account { name, uid: number("-u")?, gid: number("-g")? })
    })
}

fn folder(account: Option<&Account>) -> PathBuf {
    let base = tempfile::Builder::new().prefix("grantwood-pg-").tempdir().expect("a temp folder").keep();
    let socket = base.join("socket");
    std::fs::create_dir(&socket).expect("a folder for the socket");
    if let Some(account) = account {
        for path in [&base, &socket] {
            chown(path, Some(account.uid), Some(account.gid)).expect("root may give folders away");
        }
    }
    std::fs::set_permissions(&base, std::fs::Permissions::from_mode(0o700)).expect("mode");
    base
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes to the standard error itself: the test runner swallows what `eprintln!` prints.
pub(super) fn aloud(line: &str) {
    // A closed standard error must not fail a test.
    drop(writeln!(std::io::stderr(), "{line}"));
}
