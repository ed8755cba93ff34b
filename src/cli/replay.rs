//! `replay …`: yesterday's decisions put to today's policies.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::{Value, json};

use super::output::Format;
use super::{Failure, Settings, block_on, plan};
use crate::app::start::policy_options;
use crate::config::Config;
use crate::oauth::client::{Client, ClientId};
use crate::policy::record::Record;
use crate::policy::replay::{Difference, Outcome, Replay};
use crate::policy::source::resolve;
use crate::policy::{ClientDocument, Engine, Mode, Options, Snapshot};
use crate::store::Store;

/// Lines that a thread takes at a time.
const PART: usize = 2_000;

/// Arguments of `replay`.
#[derive(Args)]
pub struct ReplayArgs {
    /// A decision log: one JSON object a line. `-` is standard input.
    log: PathBuf,
    /// The policies to ask: a folder, a bundle, or a git revision; absent = those of this configuration.
    #[arg(long)]
    policies: Option<String>,
    /// How to print what differs.
    #[arg(short = 'o', long = "output", default_value = "table")]
    format: Format,
    /// Exit with 4 if a decision differs.
    #[arg(long)]
    fail_on_difference: bool,
}

/// What all lines came to.
#[derive(Default)]
struct Total {
    asked: u64,
    same: u64,
    other_policies: u64,
    differ: Vec<(u64, Difference)>,
    missing: BTreeMap<String, u64>,
    foreign: u64,
}

/// Puts a log to policies and prints what differs.
pub fn replay(settings: &Settings, args: &ReplayArgs) -> Result<(), Failure> {
    let (config, _) = settings.load()?;
    let snapshot = engine(&config, args)?.current();
    block_on(async {
        let store = database(&config).await?;
        let handle = tokio::runtime::Handle::current();
        let clients: Mutex<HashMap<String, Option<Client>>> = Mutex::default();
        let find = |id: &str| known(&snapshot, store.as_ref(), &handle, &clients, id);
        let total = tokio::task::block_in_place(|| read(args, &snapshot, &find))?;
        show(args, &snapshot, &total);
        match total.differ.len() {
            count if count > 0 && args.fail_on_difference => {
                Err(Failure::Finding(format!("{count} decisions differ")))
            }
            _ => Ok(()),
        }
    })
}

fn engine(config: &Config, args: &ReplayArgs) -> Result<Engine, Failure> {
    let public = config.public_url()?;
    let tree = match &args.policies {
        Some(policies) => resolve(policies, &plan::here(config)?).map_err(Failure::Usage)?,
        None => plan::configured(config)?,
    };
    let options = Options { tree, run_tests: false, ..policy_options(config, public.issuer()) };
    Engine::open(options).map_err(|failed| Failure::Invalid(failed.to_string()))
}

/// The database, where there is one: clients that are no files stand there.
async fn database(config: &Config) -> Result<Option<Store>, Failure> {
    let file = config.data_dir.join("grantwood.db");
    if config.database.url.is_none() && !file.exists() {
        return Ok(None);
    }
    Ok(Some(plan::to_read(plan::database_url(config)).await?))
}

/// A client of the policies, or of the database; looked up once.
fn known(
    snapshot: &Snapshot,
    store: Option<&Store>,
    handle: &tokio::runtime::Handle,
    clients: &Mutex<HashMap<String, Option<Client>>>,
    id: &str,
) -> Option<Client> {
    let name = ClientId::parse(id)?;
    if let Some(client) = snapshot.client(&name) {
        return Some(client.as_ref().clone());
    }
    if let Some(found) = clients.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
        return found.clone();
    }
    let row = store.and_then(|store| handle.block_on(store.client(id)).ok().flatten());
    let document = row.and_then(|row| serde_json::from_str::<ClientDocument>(row.document.as_deref()?).ok());
    let found = document.and_then(|document| snapshot.parse_client(&name, &document, Mode::Stored).ok());
    clients.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), found.clone());
    found
}

/// Reads the log with as many threads as there are cores.
fn read(
    args: &ReplayArgs,
    snapshot: &Snapshot,
    find: &(dyn Fn(&str) -> Option<Client> + Sync),
) -> Result<Total, Failure> {
    let unreadable = |error: std::io::Error| Failure::Usage(format!("{}: {error}", args.log.display()));
    let input: Box<dyn std::io::Read + Send> = match args.log.as_os_str().to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(&args.log).map_err(unreadable)?),
    };
    let lines = Mutex::new((BufReader::with_capacity(1 << 18, input).lines(), 0_u64));
    let total: Mutex<Total> = Mutex::default();
    let failed: Mutex<Option<std::io::Error>> = Mutex::default();
    let work = || {
        let mut replay = Replay::new(snapshot, find);
        loop {
            let (first, part) = {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                let first = lines.1;
                let part: Result<Vec<String>, _> = lines.0.by_ref().take(PART).collect();
                match part {
                    Ok(part) if !part.is_empty() => {
                        lines.1 += part.len() as u64;
                        (first, part)
                    }
                    Ok(_) => return,
                    Err(error) => {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return;
                    }
                }
            };
            let mine = asked(&mut replay, first, &part);
            total.lock().unwrap_or_else(PoisonError::into_inner).add(mine);
        }
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|threads| (0..cores).for_each(|_| drop(threads.spawn(work))));
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(unreadable(error));
    }
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.differ.sort_by_key(|(line, _)| *line);
    Ok(total)
}

fn asked(replay: &mut Replay<'_>, first: u64, part: &[String]) -> Total {
    let mut total = Total::default();
    for (line, text) in (first + 1..).zip(part) {
        let Ok(record) = serde_json::from_str::<Record>(text) else {
            total.foreign += u64::from(!text.trim().is_empty());
            continue;
        };
        total.asked += 1;
        match replay.again(record) {
            Outcome::Same => total.same += 1,
            Outcome::OtherPolicies => total.other_policies += 1,
            Outcome::Differs(difference) => total.differ.push((line, *difference)),
            Outcome::Missing(missing) => *total.missing.entry(missing.to_string()).or_default() += 1,
        }
    }
    total
}

impl Total {
    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.same += other.same;
        self.other_policies += other.other_policies;
        self.foreign += other.foreign;
        self.differ.extend(other.differ);
        for (why, count) in other.missing {
            *self.missing.entry(why).or_default() += count;
        }
    }
}

fn word(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

fn places(snapshot: &Snapshot, ids: &[String]) -> Vec<String> {
    let place = |id: &String| match snapshot.policy_source(id) {
        Some(source) => format!("{id} {source}"),
        None => id.clone(),
    };
    ids.iter().map(place).collect()
}

fn show(args: &ReplayArgs, snapshot: &Snapshot, total: &Total) {
    if args.format == Format::Json {
        let differ: Vec<Value> = total.differ.iter().map(|(line, one)| row(snapshot, *line, one)).collect();
        let all = json!({
            "revision": snapshot.revision().as_ref(), "commit": snapshot.commit(), "asked": total.asked,
            "same": total.same, "otherPolicies": total.other_policies, "differ": differ,
            "missing": total.missing, "otherLines": total.foreign,
        });
        println!("{}", serde_json::to_string_pretty(&all).unwrap_or_default());
        return;
    }
    for (line, Difference { record, now }) in &total.differ {
        let user = record.user.as_ref().map_or_else(String::new, |user| format!(" for user {}", user.name));
        println!(
            "line {line}  {} → {}  {} on {} by {}{user}  {}",
            word(record.allowed()),
            word(now.allowed),
            record.action,
            record.resource,
            record.principal,
            record.time
        );
        let none = || vec!["no policy permits it".to_owned()];
        let listed = |ids: &[String]| match places(snapshot, ids) {
            places if places.is_empty() => none(),
            places => places,
        };
        println!("      was {}", listed(&record.policies).join(", "));
        println!("      now {}", listed(&now.policies).join(", "));
    }
    let (asked, same, other, differ) = (total.asked, total.same, total.other_policies, total.differ.len());
    println!("{asked} decisions: {same} the same, {other} the same by other policies, {differ} differ");
    for (why, count) in &total.missing {
        eprintln!("grantwood: {count} decisions could not be asked again: {why}");
    }
    if total.foreign > 0 {
        eprintln!("grantwood: {} lines are no decisions", total.foreign);
    }
}

fn row(snapshot: &Snapshot, line: u64, Difference { record, now }: &Difference) -> Value {
    json!({
        "line": line, "time": record.time, "requestId": record.request_id, "kind": record.kind,
        "principal": record.principal, "action": record.action, "resource": record.resource,
        "client": record.client, "user": record.user.as_ref().map(|user| &user.name),
        "was": { "decision": word(record.allowed()), "policies": places(snapshot, &record.policies) },
        "now": { "decision": word(now.allowed), "policies": places(snapshot, &now.policies), "error": now.error },
    })
}
