//! Measurements, in the text format that Prometheus reads.
//!
//! Every label has few values: route templates, grants, error codes, scope names; never a client, a user or
//! anything that a caller makes up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// Bounds of request durations, in seconds.
const REQUEST_BUCKETS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Bounds of decision durations, in seconds.
const DECISION_BUCKETS: [f64; 9] =
    [0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.01, 0.1];

/// Gauges of seconds.
type Seconds = Gauge<f64, AtomicU64>;

macro_rules! labels {
    ($($name:ident { $($label:ident: $type:ty),+ })+) => {
        $(
            #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
            struct $name { $($label: $type),+ }
        )+
    };
}

labels! {
    Request { route: String, method: &'static str, status: u32 }
    Issued { grant: &'static str, alg: &'static str }
    Denied { grant: &'static str, error: String }
    Active { active: &'static str }
    Outcome { result: &'static str }
    Decided { action: String, decision: &'static str }
    Policies { revision: String, commit: String, author: String }
    Key { kid: String }
    Table { table: &'static str }
    Lost { sink: &'static str }
}

/// Everything that is counted. Cheap to share behind an `Arc`; every method takes `&self`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Histogram, fn() -> Histogram>,
    issued: Family<Issued, Counter>,
    denied: Family<Denied, Counter>,
    introspections: Family<Active, Counter>,
    logins: Family<Outcome, Counter>,
    decisions: Family<Decided, Counter>,
    decision_duration: Histogram,
    evaluation_errors: Counter,
    policy_info: Family<Policies, Gauge>,
    reloads: Family<Outcome, Counter>,
    last_reload: Seconds,
    key_age: Family<Key, Seconds>,
    db_busy: Counter,
    cleanup_runs: Counter,
    cleanup_rows: Family<Table, Counter>,
    decisions_lost: Family<Lost, Counter>,
    log_lost: Counter,
    /// Tokens issued and requests refused, whatever their labels: what the overview shows.
    totals: [AtomicU64; 2],
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers everything under the prefix `grantwood_`.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("grantwood"),
            requests: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            issued: Family::default(),
            denied: Family::default(),
            introspections: Family::default(),
            logins: Family::default(),
            decisions: Family::default(),
            decision_duration: Histogram::new(DECISION_BUCKETS),
            evaluation_errors: Counter::default(),
            policy_info: Family::default(),
            reloads: Family::default(),
            last_reload: Seconds::default(),
            key_age: Family::default(),
            db_busy: Counter::default(),
            cleanup_runs: Counter::default(),
            cleanup_rows: Family::default(),
            decisions_lost: Family::default(),
            log_lost: Counter::default(),
            totals: Default::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let requests = self.requests.clone();
        registry.register("http_request_duration_seconds", "Requests by route template", requests);
        registry.register("tokens_issued", "Access tokens issued", self.issued.clone());
        registry.register("token_requests_denied", "Token requests refused", self.denied.clone());
        registry.register("introspections", "Introspections answered", self.introspections.clone());
        registry.register("logins", "Sign-ins tried", self.logins.clone());
        registry.register("policy_decisions", "Decisions of the policy engine", self.decisions.clone());
        let duration = self.decision_duration.clone();
        registry.register("policy_decision_duration_seconds", "Time for a decision", duration);
        let errors = self.evaluation_errors.clone();
        registry.register(
            "policy_evaluation_errors",
            "Policies that failed at run time; each denies",
            errors,
        );
        registry.register("policy_info", "The policy set in force", self.policy_info.clone());
        registry.register("policy_reloads", "Attempts to load policies", self.reloads.clone());
        registry.register(
            "policy_last_successful_reload_timestamp_seconds",
            "When the policy set in force was loaded",
            self.last_reload.clone(),
        );
        registry.register("signing_key_age_seconds", "Age of the signing keys", self.key_age.clone());
        registry.register("db_busy", "Database calls that found it locked or away", self.db_busy.clone());
        registry.register("cleanup_runs", "Runs of the clean-up job", self.cleanup_runs.clone());
        registry.register("cleanup_rows", "Expired rows deleted", self.cleanup_rows.clone());
        let lost = self.decisions_lost.clone();
        registry.register(
            "decisions_lost",
            "Decisions that a full buffer or disk kept out of the log or table",
            lost,
        );
        registry.register("log_lines_lost", "Log lines that nobody read in time", self.log_lost.clone());
        registry.register("build", "This build", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    }

    /// The text for a scraper (OpenMetrics 1.0).
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// One answered request; `route` is a template of the router.
    pub fn http_request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let labels = Request { route: route.to_owned(), method: known_method(method), status: status.into() };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A token left the server.
    pub fn token_issued(&self, grant: &'static str, alg: &'static str) {
        self.issued.get_or_create(&Issued { grant, alg }).inc();
        self.totals[0].fetch_add(1, Ordering::Relaxed);
    }

    /// A token request was refused; `grant` is `unknown` where it is none of ours.
    pub fn token_denied(&self, grant: &'static str, error: &str) {
        self.denied.get_or_create(&Denied { grant, error: error.to_owned() }).inc();
        self.totals[1].fetch_add(1, Ordering::Relaxed);
    }

    /// Tokens issued and token requests refused since the start.
    pub fn token_totals(&self) -> (u64, u64) {
        (self.totals[0].load(Ordering::Relaxed), self.totals[1].load(Ordering::Relaxed))
    }

    /// An introspection was answered.
    pub fn introspected(&self, active: bool) {
        self.introspections.get_or_create(&Active { active: if active { "true" } else { "false" } }).inc();
    }

    /// A sign-in was tried: `success`, `failure`, `limited`.
    pub fn login(&self, result: &'static str) {
        self.logins.get_or_create(&Outcome { result }).inc();
    }

    /// A question was decided; `action` is an action of the catalog or of the schema.
    pub fn decided(&self, action: &str, allowed: bool, errors: usize, took: Duration) {
        let decision = if allowed { "allow" } else { "deny" };
        self.decisions.get_or_create(&Decided { action: action.to_owned(), decision }).inc();
        self.decision_duration.observe(took.as_secs_f64());
        self.evaluation_errors.inc_by(errors as u64);
    }

    /// A new policy set is in force.
    pub fn policy_swapped(&self, revision: &str, commit: Option<&str>, author: &str, now_ms: i64) {
        self.policy_info.clear();
        let labels = Policies {
            revision: revision.to_owned(),
            commit: commit.unwrap_or_default().to_owned(),
            author: author.to_owned(),
        };
        self.policy_info.get_or_create(&labels).set(1);
        self.reloads.get_or_create(&Outcome { result: "success" }).inc();
        self.last_reload.set(now_ms as f64 / 1e3);
    }

    /// A policy set was held back.
    pub fn policy_held_back(&self) {
        self.reloads.get_or_create(&Outcome { result: "failure" }).inc();
    }

    /// The published signing keys and their ages, in seconds. Keys that are not named are forgotten.
    pub fn signing_keys<'a>(&self, keys: impl IntoIterator<Item = (&'a str, f64)>) {
        self.key_age.clear();
        for (kid, age) in keys {
            self.key_age.get_or_create(&Key { kid: kid.to_owned() }).set(age);
        }
    }

    /// A database call found it locked or away.
    pub fn db_busy(&self) {
        self.db_busy.inc();
    }

    /// The clean-up job ran over all tables once.
    pub fn cleanup_ran(&self) {
        self.cleanup_runs.inc();
    }

    /// Decisions did not fit into what waits for `log` or `audit`, or the log could not be written.
    pub fn decisions_lost(&self, sink: &'static str, count: u64) {
        self.decisions_lost.get_or_create(&Lost { sink }).inc_by(count);
    }

    /// Counts lines of the server's own log that were lost, from now on.
    pub fn log_lines_lost(&self, count: u64) {
        self.log_lost.inc_by(count);
    }

    /// The clean-up job deleted rows of a table.
    pub fn cleaned_up(&self, table: &'static str, rows: u64) {
        self.cleanup_rows.get_or_create(&Table { table }).inc_by(rows);
    }
}

/// A caller can invent methods; a label cannot have them all.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_dashboards_know() {
        let metrics = Metrics::new();
        metrics.http_request("/oauth2/clients/:documentId", "GET", 200, Duration::from_millis(3));
        metrics.http_request("unmatched", "BREW", 404, Duration::ZERO);
        metrics.token_issued("jwt-bearer", "RS256");
        metrics.token_denied("unknown", "unsupported_grant_type");
        metrics.introspected(true);
        metrics.login("failure");
        metrics.decided("grant:jwt_bearer", true, 0, Duration::from_micros(9));
        metrics.policy_swapped("abc", Some("3f2c1d9"), "Ann <a@b>", 1_500);
        metrics.policy_swapped("abd", None, "", 2_500);
        metrics.policy_held_back();
        metrics.signing_keys([("k1", 5.0)]);
        metrics.cleanup_ran();
        metrics.cleaned_up("codes", 3);
        metrics.decisions_lost("log", 1);
        let text = metrics.encode();
        for line in [
            r#"grantwood_http_request_duration_seconds_count{route="/oauth2/clients/:documentId",method="GET",status="200"} 1"#,
            r#"method="other",status="404"} 1"#,
            r#"grantwood_tokens_issued_total{grant="jwt-bearer",alg="RS256"} 1"#,
            r#"grantwood_token_requests_denied_total{grant="unknown",error="unsupported_grant_type"} 1"#,
            r#"grantwood_introspections_total{active="true"} 1"#,
            r#"grantwood_logins_total{result="failure"} 1"#,
            r#"grantwood_policy_decisions_total{action="grant:jwt_bearer",decision="allow"} 1"#,
            "grantwood_policy_decision_duration_seconds_count 1",
            "grantwood_policy_evaluation_errors_total 0",
            r#"grantwood_policy_info{revision="abd",commit="",author=""} 1"#,
            r#"grantwood_policy_reloads_total{result="success"} 2"#,
            r#"grantwood_policy_reloads_total{result="failure"} 1"#,
            "grantwood_policy_last_successful_reload_timestamp_seconds 2.5",
            r#"grantwood_signing_key_age_seconds{kid="k1"} 5"#,
            "grantwood_db_busy_total 0",
            "grantwood_cleanup_runs_total 1",
            r#"grantwood_cleanup_rows_total{table="codes"} 3"#,
            r#"grantwood_decisions_lost_total{sink="log"} 1"#,
            "grantwood_log_lines_lost_total 0",
            "grantwood_build_info{version=",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("revision=\"abc\"") && text.ends_with("# EOF\n"));
    }
}
