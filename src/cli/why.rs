//! `why …`: why something was allowed or refused, and what would change it.

use std::io::BufRead as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::output::Format;
use super::{Failure, Settings, block_on, closed, local_ask, opened, operator, wire};
use crate::app::App;
use crate::app::clock::Clock;
use crate::app::policy_source::options;
use crate::config::Config;
use crate::flow::explain::{Answer, Circumstances, Query, TokenName, answer, question, records_again};
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::oauth::user::User;
use crate::policy::{Engine, Record};

/// Arguments of `why`.
#[derive(Args)]
pub struct WhyArgs {
    /// A request such as 'GET /api/forms/3' (with --token), the jti of a token, or the id of a request
    /// (`x-request-id`).
    what: Option<String>,
    /// The client.
    #[arg(long)]
    client: Option<String>,
    /// The scope that it asks for; absent = may it start the grant at all.
    #[arg(long)]
    scope: Option<String>,
    /// The grant: code, jwt-bearer or client-credentials; absent = the client's own.
    #[arg(long)]
    grant: Option<String>,
    /// The user, by name or id.
    #[arg(long)]
    user: Option<String>,
    /// A role of a user who need not exist; may be repeated.
    #[arg(long = "role", conflicts_with = "user")]
    roles: Vec<String>,
    /// The action, such as api::form.form.find or admin:client.update.
    #[arg(long)]
    action: Option<String>,
    /// The caller's address.
    #[arg(long)]
    ip: Option<IpAddr>,
    /// The token of a request, or its jti.
    #[arg(long)]
    token: Option<String>,
    /// The host of a request, where the catalog tells hosts apart.
    #[arg(long, default_value = "")]
    host: String,
    /// A decision log, or a log of the server in JSON, that has the request.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Ask a running server instead, with a bearer token in GRANTWOOD_TOKEN that may read policies.
    #[arg(long)]
    server: Option<String>,
    /// How to print it; json has everything.
    #[arg(short = 'o', long = "output", default_value = "table")]
    format: Format,
    /// Print the policies' texts as well.
    #[arg(long)]
    full: bool,
}

/// Answers, and exits with 0 whatever the decision was.
pub fn why(settings: &Settings, args: &WhyArgs) -> Result<(), Failure> {
    if let Some(server) = &args.server {
        let body = body_of(args, &query(args)?);
        return show_json(args, &block_on(wire::explain(server, &body))?);
    }
    let (config, _) = settings.load()?;
    if let (Some(log), Some(id)) = (&args.log, &args.what) {
        return from_log(settings, args, log, id);
    }
    let query = query(args)?;
    if without_database(&config, args, &query) {
        return show(args, &by_folder(&config, args, &query)?);
    }
    block_on(async {
        let app = opened(settings).await?;
        let found = by_database(&app, &query).await;
        closed(&app).await;
        show(args, &found?)
    })
}

/// Reads what is asked from the arguments.
fn query(args: &WhyArgs) -> Result<Query, Failure> {
    let usage = |text: &str| Failure::Usage(text.to_owned());
    let grant = args.grant.as_deref().map(|name| {
        GrantType::parse(name).ok_or_else(|| Failure::Usage(format!("--grant {name} is no grant type")))
    });
    let (client, user, ip) = (args.client.clone(), args.user.clone(), args.ip);
    match (&args.what, &args.action) {
        (Some(what), None) => match what.split_once(' ') {
            Some((method, path)) => {
                let token = args.token.as_deref().ok_or_else(|| usage("a request needs --token"))?;
                Ok(Query::Route {
                    method: method.to_ascii_uppercase(),
                    path: path.split(['?', '#']).next().unwrap_or_default().to_owned(),
                    host: args.host.clone(),
                    token: TokenName::parse(token),
                })
            }
            None => Ok(Query::Id { id: what.clone() }),
        },
        (None, Some(action)) => Ok(Query::Action { client, user, action: action.clone(), about: None, ip }),
        (None, None) => {
            let client = client.ok_or_else(|| {
                usage("ask about --client and --scope, --user and --action, a request, a jti or a request id")
            })?;
            Ok(Query::Grant { client, scope: args.scope.clone(), grant: grant.transpose()?, user, ip })
        }
        (Some(_), Some(_)) => Err(usage("ask one thing: a request or id, or an --action")),
    }
}

/// Whether the documents alone can answer: nothing of the database is asked for, or there is none.
fn without_database(config: &Config, args: &WhyArgs, query: &Query) -> bool {
    if !matches!(query, Query::Grant { .. } | Query::Action { .. }) || args.user.is_some() {
        return false;
    }
    let no_file = config.database.url.is_none() && !config.data_dir.join("grantwood.db").exists();
    !args.roles.is_empty() || no_file
}

fn by_folder(config: &Config, args: &WhyArgs, query: &Query) -> Result<Answer, Failure> {
    let public = config.public_url()?;
    let engine = Engine::open(options(config, public.issuer()).map_err(Failure::Invalid)?)
        .map_err(|failed| Failure::Invalid(failed.to_string()))?;
    let snapshot = engine.current();
    let client = match &args.client {
        None => None,
        Some(id) => {
            let known = ClientId::parse(id).and_then(|id| snapshot.client(&id).cloned());
            Some(known.ok_or_else(|| Failure::Usage(format!("no document of client {id}")))?)
        }
    };
    let user = (!args.roles.is_empty()).then(|| User {
        id: "somebody".into(),
        username: "somebody".to_owned(),
        email: "somebody@example.com".to_owned(),
        roles: args.roles.clone(),
        blocked: false,
        confirmed: true,
    });
    let around = Circumstances {
        now_ms: Clock::start().now_ms(),
        ttl_s: config.tokens.access_ttl.0,
        audience: config.tokens.audience.clone().unwrap_or_else(|| public.issuer().to_owned()),
    };
    let (owned, about) =
        question(&snapshot, query, client.as_deref().map(|c| (c, true)), user.as_ref(), &around)?;
    Ok(Answer { about, now: vec![snapshot.explain(&owned.asked())], ..Answer::default() })
}

async fn by_database(app: &App, query: &Query) -> Result<Answer, Failure> {
    let (ask, who) = (local_ask(app), operator());
    Ok(answer(app, &ask, &who, Ok(query.clone())).await?)
}

fn from_log(settings: &Settings, args: &WhyArgs, log: &Path, id: &str) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| Failure::Usage(format!("{}: {error}", log.display()));
    let mut records = Vec::new();
    let mut told = Vec::new();
    for line in std::io::BufReader::new(std::fs::File::open(log).map_err(unreadable)?).lines() {
        let line = line.map_err(unreadable)?;
        // Only lines that can be meant are parsed: a log is long.
        if !line.contains(id) {
            continue;
        }
        let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
        if value["request_id"] != *id && value["jti"] != *id {
            continue;
        }
        match serde_json::from_value::<Record>(value.clone()) {
            Ok(record) => records.push(record),
            Err(_) => told.push(value),
        }
    }
    if records.is_empty() && told.is_empty() {
        return Err(Failure::Usage(format!("{} has nothing of {id}", log.display())));
    }
    for event in &told {
        println!("  {}", event_line(event));
    }
    if records.is_empty() {
        return Ok(());
    }
    block_on(async {
        let app = opened(settings).await?;
        let snapshot = app.policies.current();
        let found = records_again(&app, &snapshot, &records).await;
        closed(&app).await;
        show(args, &found?)
    })
}

/// A line of the server's log: what happened, and the reason of a refusal that no policy was asked about.
fn event_line(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let parts = ["time", "event", "client", "grant", "reason", "error", "detail"];
    let line = parts.into_iter().map(text).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    // A log may come from anywhere; a terminal is not steered by it (attack row W3).
    line.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The body of the same question for a server.
fn body_of(args: &WhyArgs, query: &Query) -> Value {
    match query {
        Query::Route { .. } => json!({ "request": args.what, "token": args.token, "host": args.host }),
        Query::Id { id } => json!({ "id": id }),
        Query::Grant { .. } | Query::Action { .. } => json!({
            "client": args.client, "scope": args.scope, "grant": args.grant, "user": args.user,
            "action": args.action, "ip": args.ip,
        }),
    }
}

fn show(args: &WhyArgs, answer: &Answer) -> Result<(), Failure> {
    match args.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(answer).unwrap_or_default()),
        Format::Table => print!("{}", answer.in_words(args.full)),
    }
    Ok(())
}

/// What a server answered: the same text, which it sends along.
fn show_json(args: &WhyArgs, answer: &Value) -> Result<(), Failure> {
    match answer["data"]["text"].as_str() {
        Some(text) if args.format == Format::Table => print!("{text}"),
        _ => println!("{}", serde_json::to_string_pretty(&answer["data"]).unwrap_or_default()),
    }
    Ok(())
}
