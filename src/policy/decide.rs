//! One question, one answer: the slice that can matter is put to Cedar; a client's own list and the ceiling
//! are looked up in the sets that their policies were compiled from.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, Request, Schema};

use super::names::Names;
use super::question::Decision;
use super::slice::{Index, Key};
use super::testing::probe::Probe;

/// What a snapshot decides with.
pub struct Decider {
    /// Names of everything in the catalog.
    pub names: Names,
    pub(super) index: Index,
    pub(super) schema: Schema,
    /// Forbids in the order of importance, with their error codes.
    pub(super) forbids: HashMap<String, (usize, Option<String>)>,
    /// Counts evaluation errors over the life of the process.
    pub(super) failures: Arc<AtomicU64>,
    authorizer: Authorizer,
    /// Notes which policies and conditions questions meet; only where a run of tests wants to know.
    pub(super) probe: Option<Probe>,
}

/// A question in Cedar's words.
pub struct Ask<'a> {
    /// Which slice.
    pub key: Key,
    /// Who.
    pub principal: &'a EntityUid,
    /// Does what.
    pub action: &'a EntityUid,
    /// To what.
    pub resource: &'a EntityUid,
    /// In which circumstances.
    pub context: &'a Context,
    /// The entities that the question names.
    pub entities: &'a Entities,
    /// The forbid that applies by lookup.
    pub forbid: Option<&'a str>,
    /// The permit that applies by lookup.
    pub permit: Option<String>,
}

/// The same, kept: for questions that are put once, and for explanations.
pub struct Case {
    /// Which slice.
    pub key: Key,
    /// Who.
    pub principal: EntityUid,
    /// Does what.
    pub action: EntityUid,
    /// To what.
    pub resource: EntityUid,
    /// In which circumstances.
    pub context: Context,
    /// The entities that the question names.
    pub entities: Entities,
    /// The forbid that applies by lookup.
    pub forbid: Option<&'static str>,
    /// The permit that applies by lookup.
    pub permit: Option<String>,
}

impl Case {
    /// What is asked.
    pub fn ask(&self) -> Ask<'_> {
        Ask {
            key: self.key.clone(),
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            context: &self.context,
            entities: &self.entities,
            forbid: self.forbid,
            permit: self.permit.clone(),
        }
    }
}

impl Decider {
    /// Puts the parts together.
    pub fn new(
        names: Names,
        index: Index,
        schema: Schema,
        forbids: HashMap<String, (usize, Option<String>)>,
        failures: Arc<AtomicU64>,
    ) -> Self {
        Self { names, index, schema, forbids, failures, authorizer: Authorizer::new(), probe: None }
    }

    /// Decides.
    pub fn ask(&self, ask: Ask<'_>) -> Decision {
        // Tests and debug builds check every request against the schema; it costs as much as the decision.
        let schema = cfg!(debug_assertions).then_some(&self.schema);
        let request = Request::new(
            ask.principal.clone(),
            ask.action.clone(),
            ask.resource.clone(),
            ask.context.clone(),
            schema,
        );
        let request = match request {
            Ok(request) => request,
            Err(error) => return self.failed(error.to_string()),
        };
        let kinds = (ask.key.principal, ask.key.resource);
        let Some(slice) = self.index.slice(ask.key) else {
            return self.failed("policies with one id".to_owned());
        };
        if let Some(probe) = &self.probe {
            probe.looked_up(kinds, ask.principal, ask.forbid, ask.permit.as_deref());
            probe.evaluated(&request, &slice, ask.entities);
        }
        let response = self.authorizer.is_authorized(&request, &slice, ask.entities);
        let diagnostics = response.diagnostics();
        let mut errors: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
        errors.sort();
        let yes = response.decision() == cedar_policy::Decision::Allow;
        let mut policies: Vec<String> =
            diagnostics.reason().map(|id| AsRef::<str>::as_ref(id).to_owned()).collect();
        let forbidden = (!yes && !policies.is_empty()) || ask.forbid.is_some();
        if forbidden {
            if yes {
                policies.clear();
            }
            policies.extend(ask.forbid.map(ToOwned::to_owned));
        } else {
            policies.extend(ask.permit);
        }
        policies.sort();
        if !errors.is_empty() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        let error = if forbidden { self.error_of(&policies) } else { None };
        // Cedar skips a policy that errs, a forbid too; a door must not open because a lock broke (attack row Y1).
        let allowed = !forbidden && !policies.is_empty() && errors.is_empty();
        Decision { allowed, policies, error, errors }
    }

    /// The most important forbid among deciding policies.
    pub fn first_forbid<'a>(&self, policies: &'a [String]) -> Option<&'a str> {
        let ranked = policies.iter().filter_map(|id| Some((self.forbids.get(id)?.0, id.as_str())));
        ranked.min().map(|(_, id)| id)
    }

    fn error_of(&self, policies: &[String]) -> Option<String> {
        let ranked = policies.iter().filter_map(|id| self.forbids.get(id));
        ranked
            .filter(|(_, error)| error.is_some())
            .min_by_key(|(rank, _)| *rank)
            .and_then(|(_, error)| error.clone())
    }

    /// A question that could not be put: a no, and counted.
    pub fn failed(&self, why: String) -> Decision {
        self.failures.fetch_add(1, Ordering::Relaxed);
        Decision { allowed: false, policies: Vec::new(), error: None, errors: vec![why] }
    }

    /// The entities of a question. Tests and debug builds check them against the schema.
    pub fn entities(&self, entities: Vec<Entity>) -> Result<Entities, String> {
        if cfg!(debug_assertions) {
            let things = entities.iter().filter(|e| e.uid().type_name().basename() != "Action").cloned();
            Entities::from_entities(things, Some(&self.schema)).map_err(|error| error.to_string())?;
        }
        Entities::from_entities(entities, None).map_err(|error| error.to_string())
    }
}
