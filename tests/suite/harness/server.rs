//! The real binary, started in a folder of its own and stopped when the test lets go of it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Http, Reply};
use super::options::Options;
use super::{keys, policies, unique, watchdog};

/// The first administrator's password in every server of the suite.
pub const ADMIN_PASSWORD: &str = "correct-horse-battery-suite-1";
/// How long a debug build may take to answer first.
const START_LIMIT: Duration = Duration::from_secs(45);

/// A running server.
pub struct Server {
    child: Mutex<Option<Child>>,
    folder: PathBuf,
    listen: String,
    issuer: String,
    database: String,
    options: Options,
    log: PathBuf,
    pub(super) metadata: OnceLock<Value>,
    pub(super) admin: OnceLock<super::User>,
}

impl Server {
    /// Starts a server and waits until `/readyz` answers 200.
    pub fn start(options: Options) -> Self {
        Self::try_start(options).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Like [`Server::start`], for tests that expect the start to be refused; the error holds the log.
    pub fn try_start(options: Options) -> Result<Self, String> {
        let name = unique("s");
        let folder = tempfile::Builder::new().prefix("grantwood-").tempdir().expect("a temp folder").keep();
        watchdog::folder(&folder);
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let database = options.database.clone().unwrap_or_else(|| options.backend.database(&name, &folder));
        let server = Self {
            child: Mutex::new(None),
            issuer: options.public_url.clone().unwrap_or_else(|| format!("http://{listen}")),
            log: log_folder().join(format!("{name}.log")),
            folder,
            listen,
            database,
            options,
            metadata: OnceLock::new(),
            admin: OnceLock::new(),
        };
        server.lay_out();
        server.launch()?;
        Ok(server)
    }

    /// A second process on the same database, policy folder and issuer.
    pub fn replica(&self) -> Self {
        Self::start(Options {
            database: Some(self.database.clone()),
            policies: Some(self.policies().to_path_buf()),
            public_url: Some(self.issuer.clone()),
            documents: Vec::new(),
            ..self.options.clone()
        })
    }

    /// Kills the process (`kill -9`) and starts it again on the same port and database.
    pub fn crash_and_restart(&self) {
        self.kill();
        self.launch().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Ends the process at once.
    pub fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            // Already gone is as good.
            drop(child.kill());
            drop(child.wait());
            watchdog::gone(child.id());
        }
    }

    /// Asks the process to stop (SIGTERM) and answers its exit code once it has.
    pub fn terminate(&self, limit: Duration) -> Option<i32> {
        let mut child = self.child().take().expect("the server runs");
        signal(child.id(), libc::SIGTERM);
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("our child") {
                break status;
            }
            if start.elapsed() > limit {
                drop(child.kill());
                drop(child.wait());
                panic!("the server did not stop within {limit:?} of SIGTERM");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        watchdog::gone(child.id());
        status.code()
    }

    /// Sends SIGHUP: reload the policies now.
    pub fn hang_up(&self) {
        signal(self.pid(), libc::SIGHUP);
    }

    /// Bounds the size of the files that the process may write, as a full disk does; none = no bound.
    pub fn limit_file_size(&self, bytes: Option<u64>) {
        let pid = libc::pid_t::try_from(self.pid()).expect("a process number");
        let most = bytes.unwrap_or(libc::RLIM_INFINITY);
        let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the limit lives as long as the call; the process is our own child.
        let done = unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
        assert_eq!(done, 0, "prlimit: {}", std::io::Error::last_os_error());
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child().as_ref().expect("the server runs").id()
    }

    /// Whether the process still lives.
    pub fn lives(&self) -> bool {
        self.child().as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The issuer: `GRANTWOOD_PUBLIC_URL`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Host and port that it listens on.
    pub fn listen(&self) -> &str {
        &self.listen
    }

    /// The full address of a path on this process, whatever the issuer is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    /// The database's URL.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The server's own folder: its working directory, with `data/` and `policies/`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The policy folder that it watches.
    pub fn policies(&self) -> PathBuf {
        self.options.policies.clone().unwrap_or_else(|| self.folder.join("policies"))
    }

    /// Everything that it has logged so far. Lines are written beside the requests, at most 20 ms later.
    pub fn log(&self) -> String {
        std::thread::sleep(Duration::from_millis(60));
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where it logs; kept after the run.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Whether the database holds a text anywhere, as it lies on the disk or as a dump shows it.
    pub fn database_holds(&self, text: &str) -> bool {
        if let Some(path) = self.database.strip_prefix("sqlite:") {
            let holds = |ending: &str| {
                let bytes = std::fs::read(format!("{path}{ending}")).unwrap_or_default();
                bytes.windows(text.len()).any(|window| window == text.as_bytes())
            };
            return ["", "-wal"].into_iter().any(holds);
        }
        let cluster = super::postgres::Cluster::shared().expect("the database is there");
        cluster.dump(&self.database).contains(text)
    }

    /// How the test asked for it.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Reply {
        Http::get(self.url(path)).send()
    }

    /// `/readyz`'s body.
    pub fn ready(&self) -> Value {
        let reply = self.get("/readyz");
        assert_eq!(reply.status, 200, "/readyz: {reply:?}");
        reply.json()
    }

    /// Runs a subcommand of the same binary on the same database and folder.
    pub fn cli(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write;
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stdin = child.stdin.take().expect("the pipe was asked for");
        // A subcommand may end without reading.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        child.wait_with_output().expect("the binary ends")
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lay_out(&self) {
        let write = |path: PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("folders");
            std::fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        };
        write(self.folder.join("admin-password"), &format!("{ADMIN_PASSWORD}\n"));
        write(self.folder.join("signing-key.pem"), keys::SERVER.private);
        if let Some(config) = &self.options.config {
            write(self.folder.join("grantwood.yaml"), config);
        }
        if self.options.policies.is_none() {
            policies::copy_shipped(&self.policies());
            policies::add_suite_documents(&self.policies());
        }
        for (path, content) in &self.options.documents {
            write(self.policies().join(path), content);
        }
    }

    /// The binary with the server's own settings, in its folder.
    pub fn command(&self) -> Command {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(env!("CARGO_BIN_EXE_grantwood"));
        command.current_dir(&self.folder);
        // SAFETY: signal() is safe between fork and exec. A write beyond `limit_file_size` is then an error of the
        // write, as on a full disk, and not the end of the process.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                Ok(())
            });
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GRANTWOOD_") {
                command.env_remove(name);
            }
        }
        command
            .env("GRANTWOOD_LISTEN", &self.listen)
            .env("GRANTWOOD_PUBLIC_URL", &self.issuer)
            .env("GRANTWOOD_DATABASE__URL", &self.database)
            .env("GRANTWOOD_POLICIES__PATH", self.policies())
            .env("GRANTWOOD_ADMIN_PASSWORD_FILE", self.folder.join("admin-password"))
            .env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", self.folder.join("signing-key.pem"));
        for (name, value) in &self.options.env {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        command
    }

    fn launch(&self) -> Result<(), String> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).expect("a log file");
        let mut command = self.command();
        command.arg("serve");
        if self.options.config.is_some() {
            command.arg("--config").arg(self.folder.join("grantwood.yaml"));
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("one more handle"))
            .stderr(if self.options.unread_log { Stdio::piped() } else { log.into() })
            .spawn()
            .map_err(|e| format!("the server's binary does not run: {e}"))?;
        watchdog::server(child.id());
        *self.child() = Some(child);
        self.wait_until_ready()
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if let Some(reply) = Http::get(self.url("/readyz")).try_send()
                && reply.status == 200
            {
                return Ok(());
            }
            let ended = self.child().as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                self.kill();
                return Err(format!("the server ended at its start ({status}); its log:\n{}", self.log()));
            }
            if start.elapsed() > START_LIMIT {
                self.kill();
                return Err(format!("not ready within {START_LIMIT:?}; the server's log:\n{}", self.log()));
            }
            std::thread::sleep(Duration::from_millis(15));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on at this moment, and that no other server of this run was given.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        if !given.contains(&port) {
            given.push(port);
            return port;
        }
    }
}

fn signal(pid: u32, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(pid).expect("a process number");
    // SAFETY: kill takes two numbers; the process is our own child, not yet waited for.
    unsafe { libc::kill(pid, signal) };
}

/// Logs outlive the run, under the target folder; those of earlier runs go.
fn log_folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("suite-logs");
            // Another run's logs may be in use or gone already: either is fine.
            drop(std::fs::remove_dir_all(&all));
            let mine = all.join(std::process::id().to_string());
            std::fs::create_dir_all(&mine).expect("a folder for logs");
            mine
        })
        .clone()
}
