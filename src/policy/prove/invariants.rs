//! *No policy permits X*: what a team never wants, whatever the documents say one day (`policies/invariants/*.yaml`).

use std::str::FromStr as _;

use cedar_policy::{Policy, PolicyId, PolicySet, Schema};
use cedar_policy_symcc::CompiledPolicySet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::compare::permits;
use super::environment::{Environment, Stated, environments, stated};
use super::example::{self, Replay};
use super::solver::{Answer, Prover, Query};
use super::{Proof, assume};
use crate::oauth::client::Client;
use crate::policy::compile::quoted;
use crate::policy::diagnostics::Diagnostic;
use crate::policy::plan::Loaded;
use crate::policy::shapes;
use crate::policy::yaml::{Step, parse};

/// Clients whose permits are put into one question.
const CHUNK: usize = 50;

/// `invariants/*.yaml`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvariantsDocument {
    /// The statements.
    pub invariants: Vec<InvariantDocument>,
}

/// One statement: nobody of this kind may ever do this.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvariantDocument {
    /// What it says.
    pub name: String,
    /// `Client`, `User` or `Operator`.
    pub principal: String,
    /// Actions and groups of actions (`grant`, `api`, `admin`, a content type), with `*` for any letters.
    pub actions: Vec<String>,
    /// Scopes, content types, with `*` for any letters; absent = any.
    #[serde(default)]
    pub resources: Option<Vec<String>>,
    /// In which circumstances, in Cedar; absent = in any.
    #[serde(default)]
    pub when: Option<String>,
}

/// An invariant and the place where it stands.
struct Placed {
    invariant: InvariantDocument,
    place: String,
}

/// Proves the invariants of a set: those of its documents, or of other files (name and text).
///
/// # Errors
/// Everything that is wrong with the documents.
pub async fn invariants(
    loaded: &Loaded,
    files: Option<Vec<(String, String)>>,
    any_client: bool,
    prover: &mut Prover,
) -> Result<Vec<Proof>, Vec<Diagnostic>> {
    let files = files.unwrap_or_else(|| {
        let label = |name: &str| loaded.tree.label().join(name).display().to_string();
        let own = loaded.files().filter(|(name, _)| name.starts_with("invariants/"));
        own.map(|(name, text)| (label(name), text.to_owned())).collect()
    });
    let (all, mut found) = read(&files);
    let schema = Schema::from_str(loaded.snapshot.schema_text())
        .map_err(|error| vec![Diagnostic::file("schema", error.to_string())])?;
    let environments = environments(&schema, &[loaded]);
    let policies = stated(loaded);
    let mut proofs = Vec::new();
    for Placed { invariant, place } in all {
        let set =
            Set { loaded, schema: &schema, environments: &environments, policies: &policies, any_client };
        match set.prove(&invariant, prover).await {
            Ok(proof) => proofs.push(proof),
            Err(why) => found.push(Diagnostic::file(place, format!("{}: {why}", invariant.name))),
        }
    }
    if found.is_empty() { Ok(proofs) } else { Err(found) }
}

fn read(files: &[(String, String)]) -> (Vec<Placed>, Vec<Diagnostic>) {
    let (mut all, mut found) = (Vec::new(), Vec::new());
    for (name, text) in files {
        match parse::<InvariantsDocument>(name, text, &shapes::INVARIANTS) {
            Ok(parsed) => {
                for (index, invariant) in parsed.document.invariants.into_iter().enumerate() {
                    let line = parsed.tree.place(&[Step::Key("invariants"), Step::Item(index)]).0;
                    all.push(Placed { invariant, place: format!("{name}:{line}") });
                }
            }
            Err(wrong) => found.extend(wrong),
        }
    }
    (all, found)
}

/// A set whose invariants are proven.
struct Set<'s> {
    loaded: &'s Loaded,
    schema: &'s Schema,
    environments: &'s [Environment],
    policies: &'s [Stated],
    any_client: bool,
}

impl Set<'_> {
    async fn prove(&self, invariant: &InvariantDocument, prover: &mut Prover) -> Result<Proof, String> {
        let mut proof = Proof::new(invariant.name.clone());
        let about: Vec<&Environment> =
            self.environments.iter().filter(|one| is_about(one, invariant)).collect();
        if about.is_empty() {
            return Err(format!(
                "no kind of request has a {} and one of the actions {}",
                invariant.principal,
                invariant.actions.join(", ")
            ));
        }
        for environment in about {
            proof.environments += 1;
            self.environment(environment, invariant, prover, &mut proof).await?;
        }
        if invariant.principal == "Client" {
            proof.assumptions.push(match self.any_client {
                true => "clients of the database may list anything".to_owned(),
                false => {
                    "only clients of documents count; --any-client adds those of the database".to_owned()
                }
            });
        }
        proof.conclude();
        Ok(proof)
    }

    async fn environment(
        &self,
        environment: &Environment,
        invariant: &InvariantDocument,
        prover: &mut Prover,
        proof: &mut Proof,
    ) -> Result<(), String> {
        let outside = outside(environment, invariant, self.loaded)?;
        let rules: Vec<&Stated> = self.policies.iter().filter(|one| environment.meets(&one.policy)).collect();
        let clients: Vec<(&Client, Vec<Stated>)> = match environment.principal == "Client" {
            false => Vec::new(),
            true => self
                .loaded
                .snapshot
                .clients
                .values()
                .map(|one| (&*one.client, permits(&one.client, &one.source)))
                .map(|(client, all)| {
                    (client, all.into_iter().filter(|p| environment.meets(&p.policy)).collect())
                })
                .filter(|(_, all): &(_, Vec<Stated>)| !all.is_empty())
                .collect(),
        };
        let mut chunks: Vec<&[(&Client, Vec<Stated>)]> = clients.chunks(CHUNK).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        for chunk in chunks {
            let known: Vec<&Client> = chunk.iter().map(|(client, _)| *client).collect();
            let mut all: Vec<Policy> = rules.iter().map(|one| one.policy.clone()).collect();
            all.extend(chunk.iter().flat_map(|(_, own)| own).map(|one| one.policy.clone()));
            all.push(outside.clone());
            let catalog = self.loaded.snapshot.catalog();
            let assumed = assume::policies(environment, catalog, &known, all.iter());
            all.extend(assumed);
            if self.any_client && environment.principal == "Client" {
                all.extend(self.stand_in());
            }
            proof.asked += 1;
            self.question(environment, all, prover, proof).await?;
        }
        Ok(())
    }

    /// A permit for every client that no document declares.
    fn stand_in(&self) -> Vec<Policy> {
        let declared: Vec<String> = self
            .loaded
            .snapshot
            .clients
            .keys()
            .map(|id| format!("Client::{}", quoted(id.as_str())))
            .collect();
        let unless = match declared.is_empty() {
            true => String::new(),
            false => format!(" unless {{ [{}].contains(principal) }}", declared.join(", ")),
        };
        assume::parsed(
            "database.client",
            &[format!("permit (principal is Client, action, resource){unless};")],
        )
    }

    async fn question(
        &self,
        environment: &Environment,
        all: Vec<Policy>,
        prover: &mut Prover,
        proof: &mut Proof,
    ) -> Result<(), String> {
        let title = environment.title();
        let set = PolicySet::from_policies(all).map_err(|error| error.to_string())?;
        let compiled = CompiledPolicySet::compile(&set, &environment.env, self.schema)
            .map_err(|error| format!("the condition is not valid for {title}: {error}"))?;
        match prover.ask(&Query::Denies(&compiled)).await {
            Answer::Holds => {}
            Answer::Unknown(why) => proof.unknown.push(format!("{title}: {why}")),
            Answer::Fails(None) => proof
                .unknown
                .push(format!("{title}: refuted, but the solver's model could not be turned into a request")),
            Answer::Fails(Some(env)) => {
                let new = (self.loaded, self.policies);
                let replay = Replay { environment, old: None, new, any_client: self.any_client };
                match example::replayed(&env, &replay) {
                    Some(found) => proof.examples.push(found),
                    None => proof.unknown.push(format!(
                        "{title}: the solver's request does not show it when Cedar decides it on the whole set"
                    )),
                }
            }
        }
        Ok(())
    }
}

fn is_about(environment: &Environment, invariant: &InvariantDocument) -> bool {
    let action = environment.action.id().unescaped();
    environment.principal == invariant.principal
        && invariant.actions.iter().any(|name| environment.is_in(name) || matches(name, action))
        // Starting a grant is no scope: where resources are named, those are what it is about.
        && (invariant.resources.is_none() || matches!(environment.resource.as_str(), "Scope" | "ContentType"))
}

/// Forbids what the invariant is not about, so that what is left must be denied.
fn outside(
    environment: &Environment,
    invariant: &InvariantDocument,
    loaded: &Loaded,
) -> Result<Policy, String> {
    let mut conditions = Vec::new();
    if let Some(patterns) = &invariant.resources {
        let catalog = loaded.snapshot.catalog();
        let names: Vec<String> = match environment.resource.as_str() {
            "Scope" => catalog.actions().map(|action| action.scope.to_string()).collect(),
            _ => catalog.content_types().map(|kind| kind.name.clone()).collect(),
        };
        let meant: Vec<String> = names
            .iter()
            .filter(|name| patterns.iter().any(|pattern| matches(pattern, name)))
            .map(|name| format!("{}::{}", environment.resource, quoted(name)))
            .collect();
        if meant.is_empty() {
            return Err(format!("no {} is named {}", environment.resource, patterns.join(", ")));
        }
        conditions.push(format!("[{}].contains(resource)", meant.join(", ")));
    }
    if let Some(when) = &invariant.when {
        conditions.push(format!("({when})"));
    }
    let unless = match conditions.is_empty() {
        true => String::new(),
        false => format!(" unless {{ {} }}", conditions.join(" && ")),
    };
    let all = if unless.is_empty() { " when { false }" } else { "" };
    let text = format!("forbid (principal, action, resource){unless}{all};");
    Policy::parse(Some(PolicyId::new("outside")), text).map_err(|error| format!("`when`: {error}"))
}

/// Whether a name fits a pattern with `*` for any letters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.len() >= last.len() && left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars() {
        assert!(matches("api::*.delete", "api::form.form.delete"));
        assert!(matches("*", "x") && matches("a*b*c", "a1b2c") && matches("grant", "grant"));
        assert!(!matches("api::*.delete", "api::form.form.deleted") && !matches("a*b*c", "acb"));
        assert!(!matches("ab*b", "ab"));
    }
}
