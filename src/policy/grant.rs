//! Grant questions: may this grant start, which scopes come of it, and do they still stand.

use cedar_policy::{Context, Entities, EntityUid};

use super::answers::Answers;
use super::decide::{Ask, Case};
use super::facts::{self, TokenPairs};
use super::names::ScopeNames;
use super::permit::{IssueCode, IssueToken, Permit};
use super::question::{Decision, GrantFacts, GrantQuestion, OnDenied, Requested};
use super::reads::Holds;
use super::slice::{Key, Type};
use super::snapshot::Snapshot;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::scope::Scope;

/// What all questions of one request share: values, entities, and who asks.
pub(super) struct Prepared {
    context: Context,
    entities: Entities,
    client: EntityUid,
    client_numbers: Vec<u32>,
    user: Option<PreparedUser>,
}

struct PreparedUser {
    uid: EntityUid,
    numbers: Vec<u32>,
    context: Context,
}

impl Snapshot {
    /// May this client start this grant at all: `Client × grant:<type> × Server::"self"`.
    pub fn decide_start(&self, question: &GrantQuestion<'_>) -> Decision {
        match self.prepare(question, &[]) {
            Ok(prepared) => self.start(question, &prepared),
            Err(why) => self.decider().failed(why),
        }
    }

    /// Which of these scopes does the grant give. A scope that the catalog does not know is denied by nobody.
    pub fn decide_scopes(&self, question: &GrantQuestion<'_>, scopes: &[Scope]) -> Vec<(Scope, Decision)> {
        self.decide_scopes_told(question, scopes).0
    }

    /// The same, and whether another time and address would give the same answers: no policy that could matter
    /// reads them, and none failed.
    pub fn decide_scopes_told(
        &self,
        question: &GrantQuestion<'_>,
        scopes: &[Scope],
    ) -> (Vec<(Scope, Decision)>, bool) {
        match self.prepare(question, scopes) {
            Ok(prepared) => {
                let decided = self.each(question, scopes, &prepared);
                let steady = decided.iter().all(|(_, decision)| decision.errors.is_empty())
                    && self.is_steady(question, scopes, &prepared);
                (decided, steady)
            }
            Err(why) => (self.all_failed(scopes, &why), false),
        }
    }

    /// May this grant start and give this scope, asked at once; and whether another time and address would give the
    /// same answer.
    pub fn decide_grant_told(&self, question: &GrantQuestion<'_>, scope: &Scope) -> (Decision, bool) {
        let scopes = std::slice::from_ref(scope);
        let prepared = match self.prepare(question, scopes) {
            Ok(prepared) => prepared,
            Err(why) => return (self.decider().failed(why), false),
        };
        let start = self.start(question, &prepared);
        let steady = start.errors.is_empty() && self.is_steady(question, scopes, &prepared);
        if !start.allowed {
            return (start, steady);
        }
        let decision = self.each(question, scopes, &prepared).pop().map(|(_, decision)| decision);
        let decision = decision.unwrap_or_default();
        let steady = steady && decision.errors.is_empty();
        (decision, steady)
    }

    pub(super) fn is_steady(
        &self,
        question: &GrantQuestion<'_>,
        scopes: &[Scope],
        prepared: &Prepared,
    ) -> bool {
        let decider = self.decider();
        let steady =
            |key: Key, resources: &[&EntityUid]| decider.index.holds(key, Some(resources)) > Holds::Once;
        let Some(action) = decider.names.grant(question.grant) else { return false };
        let granted = |resource: Type, resources: &[&EntityUid]| {
            let named = prepared.client_numbers.clone();
            steady(Key { principal: Type::Client, named, action: action.number, resource }, resources)
        };
        let used = |known: &ScopeNames, user: &PreparedUser| {
            let named = user.numbers.clone();
            let (action, resource) = (known.action.number, known.resource_type);
            steady(Key { principal: Type::User, named, action, resource }, &[&known.resource])
        };
        let mut known = scopes.iter().filter_map(|scope| decider.names.known(scope));
        granted(Type::Server, &[&decider.names.server])
            && known.all(|known| {
                granted(Type::Scope, &[&known.uid, &known.content_type])
                    && prepared.user.as_ref().is_none_or(|user| used(known, user))
            })
    }

    /// Decides a token request as a whole: the start, then each scope.
    pub fn issue_token(
        &self,
        question: &GrantQuestion<'_>,
        requested: Requested<'_>,
        on_denied: OnDenied,
    ) -> Result<Permit<IssueToken>, Stop> {
        self.issue_token_told(question, requested, on_denied, &mut Answers::default())
    }

    /// The same, and tells every answer that led to it.
    pub fn issue_token_told(
        &self,
        question: &GrantQuestion<'_>,
        requested: Requested<'_>,
        on_denied: OnDenied,
        told: &mut Answers,
    ) -> Result<Permit<IssueToken>, Stop> {
        let closed = consent_is_needed(question);
        let question = &GrantQuestion { facts: closed.as_ref().unwrap_or(question.facts), ..*question };
        let (scopes, policies) = self.granted(question, requested, on_denied, told)?;
        Ok(Permit::new(IssueToken {
            client: question.client.id.clone(),
            user: question.user.map(|user| user.id.clone()),
            scopes,
            grant: question.grant,
            ttl_s: question.facts.ttl_s,
            audience: question.facts.audience.clone(),
            revision: self.revision().clone(),
            policies,
        }))
    }

    /// Decides whether a code may be issued for what a user agreed to.
    pub fn issue_code(
        &self,
        question: &GrantQuestion<'_>,
        scopes: &[Scope],
    ) -> Result<Permit<IssueCode>, Stop> {
        self.issue_code_told(question, scopes, &mut Answers::default())
    }

    /// The same, and tells every answer that led to it.
    pub fn issue_code_told(
        &self,
        question: &GrantQuestion<'_>,
        scopes: &[Scope],
        told: &mut Answers,
    ) -> Result<Permit<IssueCode>, Stop> {
        let Some(user) = question.user else {
            return Err(Stop::Fault(Fault::Policy("a code needs a user".to_owned())));
        };
        let closed = consent_is_needed(question);
        let question = &GrantQuestion { facts: closed.as_ref().unwrap_or(question.facts), ..*question };
        let (scopes, _) = self.granted(question, Requested::Exactly(scopes), OnDenied::Reject, told)?;
        Ok(Permit::new(IssueCode { client: question.client.id.clone(), user: user.id.clone(), scopes }))
    }

    /// Which scopes of a live token still stand, with the facts of its issue and the entities of now.
    /// Whatever cannot be decided is gone.
    pub fn still_permitted(&self, question: &GrantQuestion<'_>, scopes: &[Scope]) -> Vec<Scope> {
        let decided = self.decide_scopes(question, scopes);
        decided.into_iter().filter(|(_, decision)| decision.allowed).map(|(scope, _)| scope).collect()
    }

    fn granted(
        &self,
        question: &GrantQuestion<'_>,
        requested: Requested<'_>,
        on_denied: OnDenied,
        told: &mut Answers,
    ) -> Result<(Vec<Scope>, Vec<String>), Stop> {
        let scopes = match requested {
            Requested::All => &question.client.scopes,
            Requested::Exactly(scopes) => scopes,
        };
        let answers = match self.answers(question, scopes) {
            Ok(answers) => answers,
            Err(why) => {
                told.start = self.decider().failed(why.clone());
                return Err(Stop::Fault(Fault::Policy(why)));
            }
        };
        told.start = answers.start.clone();
        let start = answers.start.clone();
        if !start.allowed {
            return Err(self.refused_start(question, start));
        }
        told.scopes.clone_from(&answers.scopes);
        let mut policies = start.policies;
        let mut granted = Vec::with_capacity(scopes.len());
        for (scope, decision) in &answers.scopes {
            if decision.allowed {
                granted.push(scope.clone());
                policies.extend_from_slice(&decision.policies);
            } else if matches!(requested, Requested::Exactly(_)) && on_denied == OnDenied::Reject {
                return Err(refused_scope(scope.clone(), decision.clone()).into());
            }
        }
        if granted.is_empty() {
            return Err(Reject::NoScope.into());
        }
        policies.sort();
        policies.dedup();
        Ok((granted, policies))
    }

    pub(super) fn prepare(&self, question: &GrantQuestion<'_>, scopes: &[Scope]) -> Result<Prepared, String> {
        let decider = self.decider();
        let names = &decider.names;
        let grant = names.grant(question.grant).ok_or("unknown grant")?;
        let context = facts::grant_context(names, question)?;
        let client = self.client_entity(question.client, question.active)?;
        let client_uid = client.uid();
        let mut entities = Vec::with_capacity(8 + 4 * scopes.len());
        entities.extend_from_slice(&grant.entities);
        let user = match question.user {
            Some(user) => {
                let entity = facts::user(names, user)?;
                let uid = entity.uid();
                entities.push(entity);
                let token = TokenPairs {
                    client: Some(client_uid.clone()),
                    scopes: Some(scopes),
                    grant: Some(question.grant),
                    age_s: Some(0),
                };
                let numbers = self.user_numbers(&uid, user);
                let context = match scopes.is_empty() {
                    true => Context::empty(),
                    false => {
                        facts::use_context(names, question.facts.now_ms, question.facts.ip, token, None)?
                    }
                };
                Some(PreparedUser { uid, numbers, context })
            }
            None => None,
        };
        entities.push(client);
        for known in scopes.iter().filter_map(|scope| names.known(scope)) {
            entities.push(known.entity.clone());
            if user.is_some() {
                entities.extend_from_slice(&known.action.entities);
            }
        }
        Ok(Prepared {
            context,
            entities: decider.entities(entities)?,
            client_numbers: self.client_numbers(&client_uid, question.client),
            client: client_uid,
            user,
        })
    }

    pub(super) fn start(&self, question: &GrantQuestion<'_>, prepared: &Prepared) -> Decision {
        let names = &self.decider().names;
        self.grant_ask(question, prepared, &names.server, Type::Server, None, None)
    }

    pub(super) fn each(
        &self,
        question: &GrantQuestion<'_>,
        scopes: &[Scope],
        prepared: &Prepared,
    ) -> Vec<(Scope, Decision)> {
        let names = &self.decider().names;
        let decide = |scope: &Scope| match names.known(scope) {
            None => Decision::default(),
            Some(known) => self.grant_scope(question, scope, known, prepared),
        };
        scopes.iter().map(|scope| (scope.clone(), decide(scope))).collect()
    }

    fn grant_scope(
        &self,
        question: &GrantQuestion<'_>,
        scope: &Scope,
        known: &ScopeNames,
        prepared: &Prepared,
    ) -> Decision {
        let forbid = (!self.in_ceiling(scope)).then_some("global.ceiling");
        let permit = question.client.lists(scope).then(|| format!("client.{}", question.client.id));
        let mut decision = self.grant_ask(question, prepared, &known.uid, Type::Scope, forbid, permit);
        if !decision.allowed {
            return decision;
        }
        let Some(user) = &prepared.user else { return decision };
        // A token never carries what the user's roles could not use.
        let role = self.decider().ask(Ask {
            key: Key {
                principal: Type::User,
                named: user.numbers.clone(),
                action: known.action.number,
                resource: known.resource_type,
            },
            principal: &user.uid,
            action: &known.action.uid,
            resource: &known.resource,
            context: &user.context,
            entities: &prepared.entities,
            forbid: None,
            permit: None,
        });
        if role.allowed {
            decision.policies.extend(role.policies);
            decision.policies.sort();
            return decision;
        }
        role
    }

    fn grant_ask(
        &self,
        question: &GrantQuestion<'_>,
        prepared: &Prepared,
        resource: &EntityUid,
        kind: Type,
        forbid: Option<&str>,
        permit: Option<String>,
    ) -> Decision {
        let decider = self.decider();
        let Some(action) = decider.names.grant(question.grant) else {
            return decider.failed("unknown grant".to_owned());
        };
        decider.ask(Ask {
            key: Key {
                principal: Type::Client,
                named: prepared.client_numbers.clone(),
                action: action.number,
                resource: kind,
            },
            principal: &prepared.client,
            action: &action.uid,
            resource,
            context: &prepared.context,
            entities: &prepared.entities,
            forbid,
            permit,
        })
    }

    /// The questions of a grant in Cedar's words: the client's, and for a user that of the roles. None = the
    /// catalog does not know the scope.
    pub(super) fn grant_cases(
        &self,
        question: &GrantQuestion<'_>,
        scope: Option<&Scope>,
    ) -> Result<Vec<Case>, String> {
        let names = &self.decider().names;
        let action = names.grant(question.grant).ok_or("unknown grant")?;
        let prepared = self.prepare(question, scope.map(std::slice::from_ref).unwrap_or_default())?;
        let case = |resource: &EntityUid, kind| Case {
            key: Key {
                principal: Type::Client,
                named: prepared.client_numbers.clone(),
                action: action.number,
                resource: kind,
            },
            principal: prepared.client.clone(),
            action: action.uid.clone(),
            resource: resource.clone(),
            context: prepared.context.clone(),
            entities: prepared.entities.clone(),
            forbid: None,
            permit: None,
        };
        let Some(scope) = scope else { return Ok(vec![case(&names.server, Type::Server)]) };
        let Some(known) = names.known(scope) else { return Ok(Vec::new()) };
        let mut cases = vec![Case {
            forbid: (!self.in_ceiling(scope)).then_some("global.ceiling"),
            permit: question.client.lists(scope).then(|| format!("client.{}", question.client.id)),
            ..case(&known.uid, Type::Scope)
        }];
        cases.extend(prepared.user.map(|user| Case {
            key: Key {
                principal: Type::User,
                named: user.numbers,
                action: known.action.number,
                resource: known.resource_type,
            },
            principal: user.uid,
            action: known.action.uid.clone(),
            resource: known.resource.clone(),
            context: user.context,
            entities: prepared.entities.clone(),
            forbid: None,
            permit: None,
        }));
        Ok(cases)
    }

    fn refused_start(&self, question: &GrantQuestion<'_>, decision: Decision) -> Stop {
        if let Some(why) = decision.errors.first() {
            return Stop::Fault(Fault::Policy(why.clone()));
        }
        let reject = match self.decider().first_forbid(&decision.policies) {
            Some("kernel.grant-not-registered") => Reject::GrantNotAllowed(question.grant),
            Some("kernel.act-for" | "kernel.act-for-blocked") => Reject::UserRefused,
            _ => Reject::Policy {
                error: decision.error.unwrap_or_else(|| "access_denied".to_owned()),
                policies: decision.policies,
            },
        };
        reject.into()
    }
}

fn refused_scope(scope: Scope, decision: Decision) -> Reject {
    match decision.error {
        // The role question speaks of tokens; to the client it is a scope that it cannot have.
        Some(error)
            if !matches!(error.as_str(), "invalid_scope" | "insufficient_scope" | "invalid_token") =>
        {
            Reject::Policy { error, policies: decision.policies }
        }
        _ => Reject::ScopeDenied { scope, policies: decision.policies },
    }
}

/// A code or its token without a record of consent gets nothing: "not asked yet" is for previews only.
fn consent_is_needed(question: &GrantQuestion<'_>) -> Option<GrantFacts> {
    let needed = question.grant == GrantType::AuthorizationCode && question.facts.consented.is_none();
    needed.then(|| GrantFacts { consented: Some(Vec::new()), ..question.facts.clone() })
}
