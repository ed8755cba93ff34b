//! *The new set permits nothing that the old one did not.*

use std::collections::BTreeMap;
use std::str::FromStr as _;

use cedar_policy::{Policy, PolicyId, PolicySet, PrincipalConstraint, Schema};
use cedar_policy_symcc::CompiledPolicySet;

use super::environment::{Environment, Stated, environments, say_the_same, stated};
use super::example::{self, Replay};
use super::failing::{never_fails, refusal};
use super::solver::{Answer, Prover, Query};
use super::{MAX_EXAMPLES, Proof, assume};
use crate::oauth::client::{Client, ClientId};
use crate::policy::catalog::Catalog;
use crate::policy::compile;
use crate::policy::plan::{self, Change, Loaded};
use crate::policy::schema::schema_text;

/// Clients whose permits are put into one question.
const CHUNK: usize = 50;

/// One side: its policies, and the permits of those clients that are others in the other set.
struct Side<'s> {
    loaded: &'s Loaded,
    policies: Vec<Stated>,
    clients: BTreeMap<&'s ClientId, Vec<Stated>>,
}

/// Compares two sets.
pub async fn compare(old: &Loaded, new: &Loaded, prover: &mut Prover) -> Proof {
    let mut proof =
        Proof::new(format!("{} permits nothing that {} does not", new.tree.title(), old.tree.title()));
    let catalog = old.snapshot.catalog().merged(new.snapshot.catalog());
    let schema = match Schema::from_str(&schema_text(&catalog)) {
        Ok(schema) => schema,
        Err(error) => {
            proof.unknown.push(format!("the two catalogs make no schema: {error}"));
            proof.conclude();
            return proof;
        }
    };
    let (before, after) = (Side::new(old, new), Side::new(new, old));
    for environment in environments(&schema, &[old, new]) {
        proof.environments += 1;
        let comparison =
            Comparison { environment: &environment, before: &before, after: &after, catalog: &catalog };
        comparison.put(&schema, prover, &mut proof).await;
        if proof.examples.len() >= MAX_EXAMPLES {
            break;
        }
    }
    data(old, new, &mut proof);
    proof.conclude();
    proof
}

impl<'s> Side<'s> {
    fn new(loaded: &'s Loaded, other: &Loaded) -> Self {
        let mut clients = BTreeMap::new();
        for (id, one) in &loaded.snapshot.clients {
            let there = other.snapshot.clients.get(id);
            if there.is_some_and(|there| there.client.scopes == one.client.scopes) {
                continue;
            }
            clients.insert(id, permits(&one.client, &one.source));
        }
        Self { loaded, policies: stated(loaded), clients }
    }
}

/// The permits that a client's document is.
pub(super) fn permits(client: &Client, source: &str) -> Vec<Stated> {
    let compiled = compile::client(client.id.as_str(), source, &client.scopes);
    let parsed = compiled.into_iter().filter_map(|one| {
        let policy = Policy::parse(Some(PolicyId::new(&one.id)), &one.text).ok()?;
        Some(Stated::new(policy, &one.source))
    });
    parsed.collect()
}

/// Of whom a question is.
#[derive(Default)]
struct Asked<'c> {
    /// Clients that are what their documents say.
    clients: Vec<&'c Client>,
    /// Whether nobody else asks.
    only: bool,
}

/// One kind of request under both sets.
struct Comparison<'c, 's> {
    environment: &'c Environment,
    before: &'c Side<'s>,
    after: &'c Side<'s>,
    catalog: &'c Catalog,
}

/// What a side says about one kind of request, without the permits of clients' documents.
struct Parts {
    forbids: Vec<Stated>,
    permits: Vec<Stated>,
}

impl Parts {
    fn all(&self) -> Vec<Stated> {
        joined(&self.forbids, &self.permits)
    }

    /// What is not said by the other side.
    fn without(&self, other: &Self) -> Vec<Stated> {
        let same = |one: &Stated, other: &Stated| one.forbids == other.forbids && one.says == other.says;
        let others = other.all();
        self.all().into_iter().filter(|one| !others.iter().any(|other| same(one, other))).collect()
    }
}

impl Comparison<'_, '_> {
    async fn put(&self, schema: &Schema, prover: &mut Prover, proof: &mut Proof) {
        let here = |side: &Side<'_>| {
            let mine = side.policies.iter().filter(|one| self.environment.meets(&one.policy)).cloned();
            let (forbids, permits) = mine.partition(|one| one.forbids);
            Parts { forbids, permits }
        };
        let (old, new) = (here(self.before), here(self.after));
        let clients = self.changed_clients();
        let (gone, come) = (old.without(&new), new.without(&old));
        if gone.is_empty() && come.is_empty() && clients.is_empty() {
            return;
        }
        proof.asked += 1;
        let found = proof.examples.len();
        self.compared(&old, &new, &clients, schema, prover, proof).await;
        for one in self.failing(&come, schema, prover).await {
            let note =
                format!("{} ({}) may fail to evaluate, and the server denies then", one.id, one.source);
            if !proof.notes.contains(&note) {
                proof.notes.push(note);
            }
        }
        if proof.examples.len() > found {
            return;
        }
        let failing = self.failing(&gone, schema, prover).await;
        if failing.is_empty() {
            return;
        }
        // Where a policy of the old set fails, the server refuses; nothing that it is about may be new then.
        let known = proof.unknown.len();
        let refusals: Vec<Stated> = failing.iter().filter_map(|one| refusal(one)).collect();
        let refusing = Parts { forbids: joined(&old.forbids, &refusals), permits: old.permits };
        self.compared(&refusing, &new, &clients, schema, prover, proof).await;
        if proof.unknown.len() > known || refusals.len() < failing.len() {
            let names: Vec<String> =
                failing.iter().map(|one| format!("{} ({})", one.id, one.source)).collect();
            proof.unknown.push(format!(
                "{}: {} of the old set may fail to evaluate, and the server refuses then what the new set may permit",
                self.environment.title(),
                names.join(", ")
            ));
        }
    }

    /// Which of these policies may fail to evaluate.
    async fn failing<'p>(
        &self,
        policies: &'p [Stated],
        schema: &Schema,
        prover: &mut Prover,
    ) -> Vec<&'p Stated> {
        let mut failing = Vec::new();
        for one in policies {
            let alone = std::iter::once(&one.policy);
            let assumed = assume::policies(self.environment, self.catalog, &[], alone);
            if !never_fails(&one.policy, &assumed, self.environment, schema, prover).await {
                failing.push(one);
            }
        }
        failing
    }

    /// Asks whether what the new set permits, the old one permits.
    async fn compared(
        &self,
        old: &Parts,
        new: &Parts,
        clients: &[&ClientId],
        schema: &Schema,
        prover: &mut Prover,
        proof: &mut Proof,
    ) {
        let forbids_differ = !say_the_same(old.forbids.iter(), new.forbids.iter());
        let permits_differ = !say_the_same(old.permits.iter(), new.permits.iter());
        if self.environment.principal != "Client" {
            self.question(&new.all(), &old.all(), &Asked::default(), schema, prover, proof).await;
            return;
        }
        if (forbids_differ || permits_differ) && self.declared(old, new, schema, prover, proof).await {
            return;
        }
        if forbids_differ {
            let all = assume::parsed("anybody", &["permit (principal, action, resource);".to_owned()]);
            let all: Vec<Stated> =
                all.into_iter().map(|policy| Stated::new(policy, "any document")).collect();
            let (old, new) = (joined(&old.forbids, &all), joined(&new.forbids, &all));
            self.question(&new, &old, &Asked::default(), schema, prover, proof).await;
        }
        if !permits_differ && clients.is_empty() {
            return;
        }
        let mut chunks: Vec<&[&ClientId]> = clients.chunks(CHUNK).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        for chunk in chunks {
            let with = |side: &Side<'_>, parts: &Parts| {
                let mut all = parts.all();
                let own = chunk.iter().filter_map(|id| side.clients.get(*id)).flatten();
                all.extend(own.filter(|one| self.environment.meets(&one.policy)).cloned());
                all
            };
            let (old, new) = (with(self.before, old), with(self.after, new));
            let asked = Asked { clients: self.known(chunk), only: false };
            self.question(&new, &old, &asked, schema, prover, proof).await;
            if proof.examples.len() >= MAX_EXAMPLES {
                return;
            }
        }
    }

    /// Clients whose permits differ in this kind of request.
    fn changed_clients(&self) -> Vec<&ClientId> {
        if self.environment.principal != "Client" {
            return Vec::new();
        }
        let mut all: Vec<&ClientId> = Vec::new();
        let ids = self.before.clients.keys().chain(self.after.clients.keys());
        for id in ids.copied().collect::<std::collections::BTreeSet<_>>() {
            let here = |side: &Side<'_>| -> Vec<String> {
                let own = side.clients.get(id).into_iter().flatten();
                own.filter(|one| self.environment.meets(&one.policy)).map(|one| one.says.clone()).collect()
            };
            if here(self.before) != here(self.after) {
                all.push(id);
            }
        }
        all
    }

    /// The same question about those clients only whose documents both sets have: what it finds is a request that
    /// somebody can try. It proves nothing; whether it found something.
    async fn declared(
        &self,
        old: &Parts,
        new: &Parts,
        schema: &Schema,
        prover: &mut Prover,
        proof: &mut Proof,
    ) -> bool {
        let reached = |one: &Stated, client: &Client| match one.policy.principal_constraint() {
            PrincipalConstraint::Eq(uid) => uid.id().unescaped() == client.id.as_str(),
            PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
                client.groups.iter().any(|group| group == uid.id().unescaped())
            }
            _ => true,
        };
        // What may let more pass: a forbid that is gone, a permit that is new.
        let gone = old.without(new).into_iter().filter(|one| one.forbids);
        let come = new.without(old).into_iter().filter(|one| !one.forbids);
        let wider: Vec<Stated> = gone.chain(come).collect();
        let both = self.after.loaded.snapshot.clients.values().filter_map(|new| {
            let old = self.before.loaded.snapshot.clients.get(&new.client.id)?;
            wider.iter().any(|one| reached(one, &new.client)).then_some((old, new))
        });
        let own = |client: &Client, source: &str| -> Vec<Stated> {
            permits(client, source).into_iter().filter(|one| self.environment.meets(&one.policy)).collect()
        };
        let (mut old, mut new) = (old.all(), new.all());
        let mut clients = Vec::new();
        for (was, is) in both {
            let (a, b) = (own(&was.client, &was.source), own(&is.client, &is.source));
            if clients.len() < CHUNK {
                clients.push(&*is.client);
                old.extend(a);
                new.extend(b);
            }
        }
        if clients.is_empty() {
            return false;
        }
        let (found, unknown) = (proof.examples.len(), proof.unknown.len());
        self.question(&new, &old, &Asked { clients, only: true }, schema, prover, proof).await;
        proof.unknown.truncate(unknown);
        proof.examples.len() > found
    }

    fn known(&self, ids: &[&ClientId]) -> Vec<&Client> {
        let of = |id: &ClientId| {
            let new = self.after.loaded.snapshot.clients.get(id);
            new.or_else(|| self.before.loaded.snapshot.clients.get(id)).map(|one| &*one.client)
        };
        ids.iter().filter_map(|id| of(id)).collect()
    }

    async fn question(
        &self,
        new: &[Stated],
        old: &[Stated],
        asked: &Asked<'_>,
        schema: &Schema,
        prover: &mut Prover,
        proof: &mut Proof,
    ) {
        let title = self.environment.title();
        let stated = old.iter().chain(new).map(|one| &one.policy);
        let mut assumed = assume::policies(self.environment, self.catalog, &asked.clients, stated);
        if asked.only {
            assumed.extend(assume::only(&asked.clients));
        }
        let compiled = |side: &[Stated]| -> Result<CompiledPolicySet, String> {
            let all = side.iter().map(|one| one.policy.clone()).chain(assumed.iter().cloned());
            let set = PolicySet::from_policies(all).map_err(|error| error.to_string())?;
            CompiledPolicySet::compile(&set, &self.environment.env, schema).map_err(|error| error.to_string())
        };
        let (a, b) = match (compiled(new), compiled(old)) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(why), _) | (_, Err(why)) => {
                proof.unknown.push(format!("{title}: {why}"));
                return;
            }
        };
        match prover.ask(&Query::Implies(&a, &b)).await {
            Answer::Holds => {}
            Answer::Unknown(why) => proof.unknown.push(format!("{title}: {why}")),
            Answer::Fails(None) => proof
                .unknown
                .push(format!("{title}: refuted, but the solver's model could not be turned into a request")),
            Answer::Fails(Some(env)) => {
                let replay = Replay {
                    environment: self.environment,
                    old: Some((self.before.loaded, &self.before.policies)),
                    new: (self.after.loaded, &self.after.policies),
                    any_client: true,
                };
                match example::replayed(&env, &replay) {
                    Some(found) => proof.examples.push(found),
                    None => proof.unknown.push(format!(
                        "{title}: the solver's request does not show it when Cedar decides it on the whole sets"
                    )),
                }
            }
        }
    }
}

fn joined(a: &[Stated], b: &[Stated]) -> Vec<Stated> {
    a.iter().chain(b).cloned().collect()
}

/// What no proof about policies sees: settings of clients, and the catalog. Where `plan` finds that somebody gains,
/// perhaps by them, the statement is not proven.
fn data(old: &Loaded, new: &Loaded, proof: &mut Proof) {
    let found = plan::plan(old, new);
    for row in &found.settings {
        proof.data.push(format!(
            "{} {}: {} → {} ({})",
            row.of,
            row.field,
            row.before.as_deref().unwrap_or("none"),
            row.after.as_deref().unwrap_or("none"),
            row.place
        ));
    }
    // Of those who gain by policies alone, the proof knows more than the plan, which does not look into conditions.
    let by_data = |client: &str| {
        let of = format!("client {client}");
        found.settings.iter().any(|row| row.of == of || row.of.starts_with("catalog "))
    };
    let gains = found.clients.iter().filter(|row| row.change == Change::Gains && by_data(&row.client));
    for row in gains.filter(|_| proof.examples.is_empty()) {
        let scopes: Vec<&str> = row.scopes.iter().map(|scope| scope.as_str()).collect();
        let because: Vec<&str> = row.because.iter().map(|cause| cause.place.as_str()).collect();
        proof.unknown.push(format!(
            "client {} gains {} by {} ({}); see `grantwood plan`",
            row.client,
            scopes.join(" "),
            row.grants.join(", "),
            because.join(", ")
        ));
    }
}
