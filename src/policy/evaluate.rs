//! Use questions as a decision API puts them: many about one subject, whose values and entities are made once.

use std::net::IpAddr;

use cedar_policy::{Entity, EntityUid};

use super::decide::Ask;
use super::facts::{self, Pairs, TokenPairs};
use super::names::Names;
use super::question::{Decision, HttpFacts, TokenFacts};
use super::reads::Holds;
use super::slice::{Key, Type};
use super::snapshot::Snapshot;
use super::stated::{Properties, Stated};
use super::usage::told;
use crate::oauth::client::Client;
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// Whom questions are about, and under which circumstances.
#[derive(Clone, Copy, Debug)]
pub struct EvaluationSubject<'a> {
    /// The user; none = the client itself.
    pub user: Option<&'a User>,
    /// The client through which the user acts, or that acts itself.
    pub client: &'a Client,
    /// The client's row's own flag.
    pub active: bool,
    /// The token; none = as if one carried exactly the action that is asked about.
    pub token: Option<TokenFacts<'a>>,
    /// The moment, in milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// The subject's address.
    pub ip: IpAddr,
    /// The request, where there is one.
    pub http: Option<&'a HttpFacts>,
    /// What is stated about the subject.
    pub properties: Option<&'a Properties>,
}

/// A subject that is ready for questions.
pub struct Evaluation<'a> {
    snapshot: &'a Snapshot,
    client: &'a Client,
    machine: bool,
    carries_token: bool,
    principal: EntityUid,
    kind: Type,
    named: Vec<u32>,
    entities: Vec<Entity>,
    pairs: Pairs,
}

impl Snapshot {
    /// Makes a subject ready for questions.
    ///
    /// # Errors
    /// What could not be put into Cedar's words; every question about it must then be a no.
    pub fn evaluation<'a>(&'a self, subject: &EvaluationSubject<'a>) -> Result<Evaluation<'a>, Decision> {
        self.made_ready(subject).map_err(|why| self.decider().failed(why))
    }

    fn made_ready<'a>(&'a self, subject: &EvaluationSubject<'a>) -> Result<Evaluation<'a>, String> {
        let names = &self.decider().names;
        let client = self.client_entity(subject.client, subject.active)?;
        let client_uid = client.uid();
        let mut entities = Vec::with_capacity(10);
        entities.push(client);
        let (principal, kind, named) = match subject.user {
            Some(user) => {
                let entity = facts::user(names, user)?;
                let uid = entity.uid();
                entities.push(entity);
                let numbers = self.user_numbers(&uid, user);
                (uid, Type::User, numbers)
            }
            None => (client_uid.clone(), Type::Client, self.client_numbers(&client_uid, subject.client)),
        };
        if let Some(http) = subject.http {
            entities.extend(facts::http_entities(names, http)?);
        }
        let assumed = match subject.user {
            Some(_) => GrantType::AuthorizationCode,
            None => GrantType::JwtBearer,
        };
        let token = TokenPairs {
            client: Some(client_uid),
            scopes: subject.token.map(|token| token.scopes),
            grant: Some(subject.token.map_or(assumed, |token| token.grant)),
            age_s: Some(subject.token.map_or(0, |token| token.age_s)),
        };
        let mut pairs = facts::use_pairs(names, subject.now_ms, subject.ip, token, subject.http)?;
        let stated = Stated { subject: subject.properties, ..Stated::default() };
        stated.add(names, &mut pairs, &mut entities)?;
        Ok(Evaluation {
            snapshot: self,
            client: subject.client,
            machine: subject.user.is_none(),
            carries_token: subject.token.is_some(),
            principal,
            kind,
            named,
            entities,
            pairs,
        })
    }
}

impl Evaluation<'_> {
    /// Decides one question about the subject. What the catalog does not know is permitted to nobody, and
    /// administration is decided where it happens. A request of the question's own goes before the subject's.
    /// Says as well for how many questions about the subject the answer holds.
    pub fn decide(&self, action: &Scope, stated: Stated<'_>, http: Option<&HttpFacts>) -> (Decision, Holds) {
        let failed = |why| (self.snapshot.decider().failed(why), Holds::Once);
        told(self.put(action, stated, http)).unwrap_or_else(failed)
    }

    fn put(
        &self,
        action: &Scope,
        stated: Stated<'_>,
        http: Option<&HttpFacts>,
    ) -> Result<(Decision, Holds), String> {
        let decider = self.snapshot.decider();
        let names: &Names = &decider.names;
        let known = names.known(action).filter(|known| known.resource_type == Type::Content);
        let Some(known) = known else { return Ok((Decision::default(), Holds::Once)) };
        let (mut pairs, mut entities) = (self.pairs.clone(), self.entities.clone());
        if !self.carries_token {
            pairs.push(facts::carried(names, std::slice::from_ref(action)));
        }
        if let Some(http) = http {
            let own = [&names.params, &names.headers];
            pairs.retain(|(name, _)| name != "http");
            entities.retain(|entity| !own.contains(&&entity.uid()));
            pairs.push(facts::request(names, http)?);
            entities.extend(facts::http_entities(names, http)?);
        }
        stated.add(names, &mut pairs, &mut entities)?;
        entities.extend_from_slice(&known.action.entities);
        let context = facts::record(pairs)?;
        let own = self.machine && self.client.lists(action);
        let key = Key {
            principal: self.kind,
            named: self.named.clone(),
            action: known.action.number,
            resource: known.resource_type,
        };
        let holds = decider.index.holds(key.clone(), Some(&[&known.resource]));
        let decision = decider.ask(Ask {
            key,
            principal: &self.principal,
            action: &known.action.uid,
            resource: &known.resource,
            context: &context,
            entities: &decider.entities(entities)?,
            forbid: None,
            permit: own.then(|| format!("client.{}.use", self.client.id)),
        });
        Ok((decision, holds))
    }
}
