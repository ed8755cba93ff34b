//! Where decisions are recorded: the decision log, and the audit table for grants and administration.
//!
//! Who decides something calls [`Decisions::record`] once with the question and the answer. Nothing waits here:
//! lines and rows are written beside the requests, but for grants under `audit.required`. A flow that enforces:
//!
//! ```ignore
//! let decision = snapshot.decide_use(&question);
//! let trace = Trace { request_id: &ask.request_id, jti: Some(&row.jti), took: started.elapsed() };
//! app.decisions.record(&snapshot, &Asked::Use(question), &decision, trace);
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::clock;
use crate::config::Config;
use crate::oauth::reject::Fault;
use crate::policy::record::{Harmless, Kind, Packed, Unasked};
use crate::policy::{Answers, Asked, Decision, GrantQuestion, Record, Snapshot, Trace};
use crate::store::{AuditRow, KIND_ADMIN, KIND_GRANT, KIND_SIGN_IN, Store, UNASKED};
use crate::telemetry::{Lines, Metrics, Sinks};

/// Entries a minute about requests that were refused before the policy was asked. Anybody can send such requests, so
/// a flood of them must not fill the database; the log's files are bounded anyway.
const UNASKED_A_MINUTE: u32 = 60;
/// Most rows that wait for the database; beyond it they are lost, and counted.
const WAITING: usize = 20_000;

/// The decision log and the way to the audit table.
pub struct Decisions {
    lines: Option<Lines<Record>>,
    rows: Mutex<Vec<AuditRow>>,
    metrics: Arc<Metrics>,
    headers: Vec<String>,
    properties: Vec<String>,
    sample: u64,
    grants: bool,
    required: bool,
    /// The minute, and the entries about unasked requests in it.
    unasked: Mutex<(i64, u32)>,
    /// The last write of a background job failed.
    unwritable: AtomicBool,
    flushing: tokio::sync::Mutex<()>,
}

impl Decisions {
    /// Opens the sinks that the settings name.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if the file cannot be opened.
    pub fn open(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, Fault> {
        let settings = &config.decisions;
        let sinks = Sinks {
            stdout: settings.stdout,
            stderr: false,
            file: settings.file.clone(),
            rotate_bytes: settings.rotate_mb.saturating_mul(1 << 20),
            keep: settings.keep,
        };
        let lines = Lines::start("decisions", sinks).map_err(|error| {
            let file = settings.file.as_deref().unwrap_or_else(|| std::path::Path::new("-"));
            Fault::Unavailable(format!("decisions.file {}: {error}", file.display()))
        })?;
        Ok(Self {
            lines,
            rows: Mutex::new(Vec::new()),
            metrics: Arc::clone(metrics),
            headers: settings.headers.clone(),
            properties: settings.properties.clone(),
            sample: settings.sample_allows.max(1).into(),
            grants: config.audit.grants || config.audit.required,
            required: config.audit.required,
            unasked: Mutex::new((0, 0)),
            unwritable: AtomicBool::new(false),
            flushing: tokio::sync::Mutex::new(()),
        })
    }

    /// Records one decision: `app.decisions.record(&snapshot, &Asked::Use(question), &decision, trace)`.
    ///
    /// Of re-checks and uses that were allowed only a sample is kept (`decisions.sample_allows`), the same for
    /// all decisions of one request. A no is always kept.
    pub fn record(&self, snapshot: &Snapshot, asked: &Asked<'_>, decision: &Decision, trace: Trace<'_>) {
        let many = matches!(asked, Asked::Recheck(..) | Asked::Use(_));
        if self.lines.is_some() && !(many && decision.allowed && !self.sampled(trace.request_id)) {
            self.write(Record::of(asked, decision, snapshot.revision(), trace, self.harmless()));
        }
        let refused = match asked {
            Asked::Admin(_) if !decision.allowed => KIND_ADMIN,
            Asked::SignIn(_) if !decision.allowed => KIND_SIGN_IN,
            // Changes have entries of their own, with what was changed.
            _ => return,
        };
        self.queue(row(refused, &[Record::of(asked, decision, snapshot.revision(), trace, self.harmless())]));
    }

    fn harmless(&self) -> Harmless<'_> {
        Harmless { headers: &self.headers, properties: &self.properties }
    }

    /// Whether anything is done with re-checks and uses that were allowed; asked first where making the
    /// question anew would cost something.
    pub fn wants_allows(&self, request_id: &str) -> bool {
        self.lines.is_some() && self.sampled(request_id)
    }

    /// Records all answers of a token or code request, as one entry of the audit table.
    ///
    /// # Errors
    /// [`Fault`] under `audit.required`, if the entry cannot be written: then nothing may be granted.
    pub async fn granted(
        &self,
        store: &Store,
        snapshot: &Snapshot,
        question: &GrantQuestion<'_>,
        answers: &Answers,
        trace: Trace<'_>,
    ) -> Result<(), Fault> {
        if self.lines.is_none() && !self.grants {
            return Ok(());
        }
        let record = |scope, decision| {
            Record::of(&Asked::Grant(*question, scope), decision, snapshot.revision(), trace, self.harmless())
        };
        let mut records = vec![record(None, &answers.start)];
        records.extend(answers.scopes.iter().map(|(scope, decision)| record(Some(scope), decision)));
        let row = self.grants.then(|| row(KIND_GRANT, &records));
        records.into_iter().for_each(|record| self.write(record));
        match row {
            Some(row) if self.required => store.insert_audits(vec![row]).await,
            Some(row) => {
                self.queue(row);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Records a token or code request that was refused before the policy was asked: always in the log, and with
    /// [`UNASKED_A_MINUTE`] in the audit table; what is beyond is counted.
    pub fn unasked(&self, revision: &str, unasked: &Unasked<'_>) {
        if self.lines.is_none() && !self.grants {
            return;
        }
        let record = Record::unasked(unasked, revision);
        if self.grants {
            match self.has_room(unasked.now_ms / 60_000) {
                true => self.queue(AuditRow {
                    id: format!("{}{UNASKED}", unasked.request_id),
                    ..row(KIND_GRANT, std::slice::from_ref(&record))
                }),
                false => self.metrics.decisions_lost("refusals", 1),
            }
        }
        self.write(record);
    }

    fn has_room(&self, minute: i64) -> bool {
        let mut spent = self.unasked.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.0 != minute {
            *spent = (minute, 0);
        }
        spent.1 += 1;
        spent.1 <= UNASKED_A_MINUTE
    }

    /// Whether decisions about uses may go on: under `audit.required` not while the database takes no writes.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]
    pub fn writable(&self) -> Result<(), Fault> {
        match self.required && self.unwritable.load(Ordering::Acquire) {
            true => Err(Fault::Unavailable("audit.required, and the database takes no writes".to_owned())),
            false => Ok(()),
        }
    }

    /// A background job wrote, or could not.
    pub fn wrote(&self, well: bool) {
        self.unwritable.store(!well, Ordering::Release);
    }

    fn write(&self, record: Record) {
        if let Some(lines) = &self.lines {
            lines.push(record);
        }
    }

    fn queue(&self, row: AuditRow) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() < WAITING {
            rows.push(row);
        } else {
            drop(rows);
            self.metrics.decisions_lost("audit", 1);
        }
    }

    /// Keeps an entry that is about no decision.
    pub fn happened(&self, row: AuditRow) {
        self.queue(row);
    }

    /// Writes the rows that wait, and counts lines that were lost; what the database does not take waits again.
    pub async fn flush(&self, store: &Store) -> Result<(), Fault> {
        let lost = self.lines.as_ref().map_or(0, Lines::take_lost);
        if lost > 0 {
            self.metrics.decisions_lost("log", lost);
        }
        // Whoever flushes to read waits for what another flush is writing.
        let _writing = self.flushing.lock().await;
        let mut rows = std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner));
        if rows.is_empty() {
            return Ok(());
        }
        let written = store.insert_audits(rows.clone()).await;
        if written.is_err() {
            let mut waiting = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.truncate(WAITING.saturating_sub(waiting.len()));
            rows.append(&mut waiting);
            *waiting = rows;
        }
        written
    }

    /// Writes all lines that wait, before the process ends.
    pub fn flush_lines(&self) {
        if let Some(lines) = &self.lines {
            lines.flush();
        }
    }

    /// One request in so many, by its id alone, so that its decisions stay together.
    fn sampled(&self, request_id: &str) -> bool {
        self.sample <= 1 || fnv(request_id).is_multiple_of(self.sample)
    }
}

/// FNV-1a: the same everywhere and for ever, unlike the standard library's hashes.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The entry of the decisions of one request: the first no, or the last yes, stands for all of them.
fn row(kind: &str, records: &[Record]) -> AuditRow {
    let first_no = records.iter().find(|record| !record.allowed());
    let told = first_no.or(records.last());
    let text = |of: fn(&Record) -> &str| told.map(of).unwrap_or_default().to_owned();
    let granted: Vec<&str> = records
        .iter()
        .filter(|record| record.allowed() && record.kind == Kind::Grant)
        .filter_map(Record::scope)
        .collect();
    let issued = records.iter().any(|record| record.jti.is_some());
    let refused = first_no.is_some() && !issued;
    let mut policies: Vec<String> = match told {
        Some(told) if refused => told.policies.clone(),
        _ => records.iter().filter(|record| record.allowed()).flat_map(|r| r.policies.clone()).collect(),
    };
    policies.sort();
    policies.dedup();
    let (actor, actor_kind) = told.map(Record::actor).unwrap_or_default();
    let request_id = text(|record| &record.request_id);
    AuditRow {
        id: match kind {
            KIND_GRANT => request_id.clone(),
            _ => clock::new_row_id().unwrap_or_else(|_| format!("{request_id}.{kind}")),
        },
        at: records.first().map_or(0, Record::at_ms),
        actor,
        actor_kind: actor_kind.to_owned(),
        action: text(|record| &record.action),
        target: match kind {
            KIND_GRANT if !refused => granted.join(" "),
            KIND_GRANT => told.and_then(Record::scope).unwrap_or_default().to_owned(),
            _ => text(|record| &record.resource),
        },
        decision: if refused { "deny" } else { "allow" }.to_owned(),
        policies: policies.join(" "),
        revision: text(|record| &record.revision),
        request_id,
        ip: told.map(|record| record.ip.to_string()).unwrap_or_default(),
        detail: Packed::text(records),
        kind: kind.to_owned(),
        jti: records.iter().find_map(|record| record.jti.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_has_a_bound() {
        let metrics = Arc::new(Metrics::new());
        let decisions = Decisions::open(&Config::default(), &metrics).unwrap();
        let unasked = Unasked {
            now_ms: 600_000,
            ip: std::net::Ipv4Addr::LOCALHOST.into(),
            request_id: "r",
            client: None,
            action: "grant",
            reason: "UnsupportedGrant",
            error: "unsupported_grant_type",
        };
        for _ in 0..10_000 {
            decisions.unasked("rev", &unasked);
        }
        let waiting = || decisions.rows.lock().unwrap().len();
        assert_eq!(waiting(), 60);
        let lost = r#"grantwood_decisions_lost_total{sink="refusals"} 9940"#;
        assert!(metrics.encode().contains(lost), "{}", metrics.encode());
        decisions.unasked("rev", &Unasked { now_ms: 660_000, ..unasked });
        assert_eq!(waiting(), 61);
        let rows = decisions.rows.lock().unwrap();
        let row = &rows[0];
        assert_eq!((row.kind.as_str(), row.decision.as_str(), row.policies.as_str()), ("grant", "deny", ""));
        assert!(row.detail.contains("UnsupportedGrant") && row.id == "r.unasked", "{row:?}");
    }

    #[test]
    fn a_sample_is_the_same_for_all_decisions_of_a_request() {
        assert_eq!(fnv(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv("foobar"), 0x85944171f73967e8);
    }
}
