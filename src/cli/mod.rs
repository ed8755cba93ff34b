//! The command line: one file per subcommand. Standard output is data, standard error is talk.

mod check;
mod client;
mod config;
mod demo;
mod fmt;
mod init;
mod keys;
mod output;
mod plan;
mod plan_server;
mod policy;
mod prove;
mod replay;
mod report;
mod schema;
mod serve;
mod target;
mod test;
mod token;
mod user;
mod why;
mod wire;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::app::first_start::FirstStart;
use crate::app::start::{StartError, open};
use crate::app::{App, jobs};
use crate::config::{Config, ConfigError, Origins, Sources, load};
use crate::flow::Ask;
use crate::flow::caller::Caller;
use crate::oauth::reject::{Fault, Stop};

/// An OAuth 2.0 authorization server in which every grant and every API action is decided by Cedar
/// policies that a team keeps as files in git.
#[derive(Parser)]
#[command(name = "grantwood", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 fault, 2 usage or refused, 3 configuration or policies invalid, \
                        4 policy tests failed, \
                        5 a finding (plan --fail-on, prove), \
                        6 neither proven nor refuted, 7 a program is missing.\nEvery setting may stand in the environment: tokens.access_ttl \
                        is GRANTWOOD_TOKENS__ACCESS_TTL."
)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Where settings come from, for every subcommand.
#[derive(Args, Clone)]
pub struct Settings {
    /// The configuration file; absent = config/grantwood.yaml where it exists.
    #[arg(long, global = true, env = "GRANTWOOD_CONFIG")]
    config: Option<PathBuf>,
    /// One setting, such as --set listen=127.0.0.1:9000; may be repeated.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve,
    /// Write config/ and policies/ to start from into a folder; never overwrites.
    Init {
        /// The folder.
        dir: PathBuf,
    },
    /// Check configuration and policies, as start-up and reload do, with lints; shows every error at once.
    Check(check::CheckArgs),
    /// Run the policy tests.
    Test(test::TestArgs),
    /// Lay out Cedar and YAML files; comments and meaning stay.
    Fmt(fmt::FmtArgs),
    /// Obtain an access token from the running server, as a client would.
    Token(token::TokenArgs),
    /// Print a signed assertion of a client whose private key lies in a file.
    Assertion(token::AssertionArgs),
    /// Say why something was allowed or refused, and what would change it.
    Why(why::WhyArgs),
    /// Put the decisions of a log to other policies, and print those that differ.
    Replay(replay::ReplayArgs),
    /// Look at what the documents compile to.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Show what a change of the policies does: who gains and who loses what, and the lines responsible.
    Plan(plan::PlanArgs),
    /// Prove that a change permits nothing new, or that no policy permits what it never should. Needs cvc5.
    Prove(prove::ProveArgs),
    /// Print the JSON Schema of a kind of document: config, catalog, global, client, role, tests,
    /// invariants.
    Schema {
        /// Which.
        name: String,
    },
    /// Print the API document (OpenAPI 3).
    Openapi,
    /// Manage clients, on the database itself.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Manage users, on the database itself.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Manage signing keys, on the database itself.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Look at the settings in force.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// A guided tour on a throw-away database.
    Demo {
        /// End after the tour instead of leaving the server open.
        #[arg(long)]
        once: bool,
    },
    /// Ask a running server whether it is ready; for container health checks.
    Healthcheck,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Why a subcommand ended without success; the exit code follows from it.
pub enum Failure {
    /// Ours: exit code 1.
    Fault(String),
    /// Theirs: exit code 2.
    Usage(String),
    /// Configuration or policies: exit code 3.
    Invalid(String),
    /// Policy tests: exit code 4.
    Tests(String),
    /// What was asked to be found was found: exit code 5.
    Finding(String),
    /// Nobody knows: exit code 6.
    Unknown(String),
    /// A program that is needed is not there: exit code 7.
    Missing(String),
}

/// Reads the arguments and carries them out.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    tell_of_full_disks();
    match carry_out(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let (code, text) = match failure {
                Failure::Fault(text) => (1, text),
                Failure::Usage(text) => (2, text),
                Failure::Invalid(text) => (3, text),
                Failure::Tests(text) => (4, text),
                Failure::Finding(text) => (5, text),
                Failure::Unknown(text) => (6, text),
                Failure::Missing(text) => (7, text),
            };
            eprintln!("grantwood: {text}");
            ExitCode::from(code)
        }
    }
}

fn carry_out(cli: Cli) -> Result<(), Failure> {
    let settings = cli.settings;
    if !matches!(cli.command, Command::Serve | Command::Demo { .. }) {
        die_with_the_pipe();
    }
    match cli.command {
        Command::Serve => serve::serve(&settings),
        Command::Init { dir } => init::init(&dir),
        Command::Check(args) => check::check(&settings, &args),
        Command::Test(args) => test::test(&settings, &args),
        Command::Fmt(args) => fmt::fmt(&settings, &args),
        Command::Schema { name } => schema::schema(&name),
        Command::Token(args) => token::token(&settings, &args),
        Command::Assertion(args) => token::assertion(&settings, &args),
        Command::Why(args) => why::why(&settings, &args),
        Command::Replay(args) => replay::replay(&settings, &args),
        Command::Policy(command) => policy::policy(&settings, command),
        Command::Plan(args) => plan::plan(&settings, &args),
        Command::Prove(args) => prove::prove(&settings, &args),
        Command::Openapi => {
            print!("{}", crate::http::routes::document());
            Ok(())
        }
        Command::Client(command) => client::client(&settings, command),
        Command::User(command) => user::user(&settings, command),
        Command::Keys(command) => keys::keys(&settings, &command),
        Command::Config(command) => config::config(&settings, &command),
        Command::Demo { once } => demo::demo(once),
        Command::Healthcheck => serve::healthcheck(&settings),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "grantwood", &mut script);
            print!("{}", String::from_utf8_lossy(&script));
            Ok(())
        }
    }
}

/// What cannot be printed is a fault with a sentence. `println!` panics then, which tells people of our code.
fn tell_of_full_disks() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>().map(String::as_str).unwrap_or_default();
        match text.strip_prefix("failed printing to ") {
            Some(why) => {
                // Standard error may be the full one.
                let _ = writeln!(std::io::stderr(), "grantwood: cannot write to {why}");
                std::process::exit(1);
            }
            None => others(info),
        }
    }));
}

/// Ends quietly when whoever reads our output has seen enough (`grantwood client list | head`).
/// The server itself keeps ignoring the signal.
fn die_with_the_pipe() {
    // SAFETY: sets a disposition that the kernel knows; no handler of ours runs.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

impl Settings {
    /// Reads, merges and validates.
    fn load(&self) -> Result<(Config, Origins), Failure> {
        Ok(self.read()?)
    }

    /// The same with the error as it is.
    fn read(&self) -> Result<(Config, Origins), ConfigError> {
        let environment = std::env::vars().filter(|(name, _)| name.starts_with("GRANTWOOD_")).collect();
        let sources = Sources { file: self.config.clone(), environment, flags: self.set.clone() };
        load(&sources)
    }
}

/// Runs asynchronous work on as many threads as there are cores.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Fault(e.to_string()))?
        .block_on(work)
}

/// Opens the server's parts for a command that works on the database itself.
async fn opened(settings: &Settings) -> Result<std::sync::Arc<App>, Failure> {
    let (config, origins) = settings.load()?;
    let (app, first) = open(config, origins, admin_password_file()).await?;
    announce(&first);
    Ok(app)
}

fn announce(first: &FirstStart) {
    if let Some(path) = &first.password_file {
        eprintln!("grantwood: made the first administrator; password in {}", path.display());
    }
    for (client, path) in &first.client_keys {
        eprintln!("grantwood: made a key for client {client}; private part in {}", path.display());
    }
}

fn admin_password_file() -> Option<PathBuf> {
    std::env::var_os("GRANTWOOD_ADMIN_PASSWORD_FILE").map(PathBuf::from)
}

/// The circumstances of a command of this machine's operator.
fn local_ask(app: &App) -> Ask {
    let ip = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    Ask { now_ms: app.clock.now_ms(), ip, request_id: "local".into() }
}

/// This machine's operator, by the name of the system's user.
fn operator() -> Caller {
    let name =
        std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "root".to_owned());
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    Caller::operator(&name)
}

/// Writes what is pending before the command ends.
async fn closed(app: &App) {
    jobs::finish(app).await;
    app.store.close().await;
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(error) => error.into(),
            StartError::Policies(failed) => Self::Invalid(failed.to_string()),
            error => Self::Fault(error.to_string()),
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Reject(reject) => Self::Usage(reject.wire().description.into_owned()),
            Stop::Fault(fault) => fault.into(),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Fault(error.to_string())
    }
}
