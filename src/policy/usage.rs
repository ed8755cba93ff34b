//! Use questions, administration and signing in: what may be done now.

use super::decide::Case;
use super::facts::{self, TokenPairs};
use super::names::uid;
use super::permit::{Administer, Permit, SignIn, Tell};
use super::question::{Actor, AdminQuestion, AdminResource, Asked, Decision, UseQuestion};
use super::reads::Holds;
use super::slice::{Key, Type};
use super::snapshot::Snapshot;
use crate::oauth::client::Client;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// An answer in which a policy failed holds for nothing else.
pub(super) fn told(answer: Result<(Decision, Holds), String>) -> Result<(Decision, Holds), String> {
    answer.map(|(decision, holds)| {
        let holds = if decision.errors.is_empty() { holds } else { Holds::Once };
        (decision, holds)
    })
}

impl Snapshot {
    /// May this token do this now: `User or Client × Action × ContentType`.
    pub fn decide_use(&self, question: &UseQuestion<'_>) -> Decision {
        self.decide_use_told(question).0
    }

    /// The same, and for how many questions the answer holds while this set, the client, the user and the token's
    /// scopes stay as they are.
    pub fn decide_use_told(&self, question: &UseQuestion<'_>) -> (Decision, Holds) {
        told(self.usage(question)).unwrap_or_else(|why| (self.decider().failed(why), Holds::Once))
    }

    /// May this actor administer; the permit is what `flow` carries to the store.
    pub fn administer(&self, question: &AdminQuestion<'_>) -> Result<Permit<Administer>, Decision> {
        let decision = self.decide_admin(question);
        if !decision.allowed {
            return Err(decision);
        }
        Ok(Permit::new(Administer {
            action: question.action,
            policies: decision.policies,
            revision: self.revision().clone(),
        }))
    }

    /// May what a token carries be told to this client: as long as its document and its row leave it active.
    pub fn tell(&self, client: &Client, active: bool) -> Option<Permit<Tell>> {
        (client.active && active).then(|| Permit::new(Tell { client: client.id.clone() }))
    }

    /// The decision behind [`Self::administer`], for those who only want to know.
    pub fn decide_admin(&self, question: &AdminQuestion<'_>) -> Decision {
        self.administration(question).unwrap_or_else(|why| self.decider().failed(why))
    }

    /// The same, and for how many questions about this actor the answer holds.
    pub fn decide_admin_told(&self, question: &AdminQuestion<'_>) -> (Decision, Holds) {
        let answer = self.admin_case(question).map(|case| {
            let holds = self.decider().index.holds(case.key.clone(), None);
            (self.decider().ask(case.ask()), holds)
        });
        told(answer).unwrap_or_else(|why| (self.decider().failed(why), Holds::Once))
    }

    /// The decision behind [`Self::sign_in`], for those who only want to know.
    pub fn decide_sign_in(&self, user: &User, ip: std::net::IpAddr, now_ms: i64) -> Decision {
        self.signing_in(user, ip, now_ms).unwrap_or_else(|why| self.decider().failed(why))
    }

    /// May this user sign in.
    pub fn sign_in(
        &self,
        user: &User,
        ip: std::net::IpAddr,
        now_ms: i64,
    ) -> Result<Permit<SignIn>, Decision> {
        let decision = self.decide_sign_in(user, ip, now_ms);
        if !decision.allowed {
            return Err(decision);
        }
        Ok(Permit::new(SignIn { user: user.id.clone(), policies: decision.policies }))
    }

    /// Answers any question, as the functions of its kind do.
    pub fn decide(&self, asked: &Asked<'_>) -> Decision {
        match asked {
            Asked::Grant(question, None) | Asked::Recheck(question, None) => self.decide_start(question),
            Asked::Grant(question, Some(scope)) | Asked::Recheck(question, Some(scope)) => {
                let mut decided = self.decide_scopes(question, std::slice::from_ref(*scope));
                decided.pop().map(|(_, decision)| decision).unwrap_or_default()
            }
            Asked::Use(question) => self.decide_use(question),
            Asked::Admin(question) => self.decide_admin(question),
            Asked::SignIn(question) => self.decide_sign_in(question.user, question.ip, question.now_ms),
        }
    }

    fn usage(&self, question: &UseQuestion<'_>) -> Result<(Decision, Holds), String> {
        Ok(match self.use_case(question)? {
            None => (Decision::default(), Holds::Once),
            Some((case, holds)) => (self.decider().ask(case.ask()), holds),
        })
    }

    fn administration(&self, question: &AdminQuestion<'_>) -> Result<Decision, String> {
        Ok(self.decider().ask(self.admin_case(question)?.ask()))
    }

    fn signing_in(&self, user: &User, ip: std::net::IpAddr, now_ms: i64) -> Result<Decision, String> {
        Ok(self.decider().ask(self.sign_in_case(user, ip, now_ms)?.ask()))
    }

    /// The question in Cedar's words, and for how many questions the answer holds; none = the catalog does not know
    /// the action.
    pub(super) fn use_case(&self, question: &UseQuestion<'_>) -> Result<Option<(Case, Holds)>, String> {
        let decider = self.decider();
        let names = &decider.names;
        let Some(known) = names.known(question.action) else { return Ok(None) };
        let client = self.client_entity(question.client, question.active)?;
        let client_uid = client.uid();
        let mut entities = known.action.entities.clone();
        entities.push(client);
        let (principal, kind, named) = match question.user {
            Some(user) => {
                let entity = facts::user(names, user)?;
                let uid = entity.uid();
                entities.push(entity);
                let numbers = self.user_numbers(&uid, user);
                (uid, Type::User, numbers)
            }
            None => (client_uid.clone(), Type::Client, self.client_numbers(&client_uid, question.client)),
        };
        let key = Key { principal: kind, named, action: known.action.number, resource: known.resource_type };
        let holds = decider.index.holds(key.clone(), Some(&[&known.resource]));
        // What no policy reads is not made.
        let http = question.http.filter(|_| holds == Holds::Once);
        if let Some(http) = http {
            entities.extend(facts::http_entities(names, http)?);
        }
        let token = TokenPairs {
            client: Some(client_uid),
            scopes: Some(question.token.scopes),
            grant: Some(question.token.grant),
            age_s: Some(question.token.age_s),
        };
        let mut pairs = facts::use_pairs(names, question.now_ms, question.ip, token, http)?;
        if holds < Holds::Stated {
            question.stated.add(names, &mut pairs, &mut entities)?;
        }
        let own = question.user.is_none() && question.client.lists(question.action);
        let case = Case {
            key,
            principal,
            action: known.action.uid.clone(),
            resource: known.resource.clone(),
            context: facts::record(pairs)?,
            entities: decider.entities(entities)?,
            forbid: None,
            permit: own.then(|| format!("client.{}.use", question.client.id)),
        };
        Ok(Some((case, holds)))
    }

    /// The question in Cedar's words.
    pub(super) fn admin_case(&self, question: &AdminQuestion<'_>) -> Result<Case, String> {
        let decider = self.decider();
        let names = &decider.names;
        let scope = Scope::parse(question.action).map_err(|error| error.to_string())?;
        let known = names.known(&scope).ok_or("unknown administrative action")?;
        let mut entities = known.action.entities.clone();
        let (principal, kind, named, permit) = match question.actor {
            Actor::User(user) => {
                let entity = facts::user(names, user)?;
                let uid = entity.uid();
                entities.push(entity);
                let numbers = self.user_numbers(&uid, user);
                (uid, Type::User, numbers, None)
            }
            Actor::Operator(name) => {
                let uid = uid(&names.operator, name);
                entities
                    .push(cedar_policy::Entity::new_no_attrs(uid.clone(), std::collections::HashSet::new()));
                (uid, Type::Operator, Default::default(), None)
            }
            Actor::Client(client, active) => {
                let entity = self.client_entity(client, active)?;
                let uid = entity.uid();
                entities.push(entity);
                let numbers = self.client_numbers(&uid, client);
                let permit = client.lists(&scope).then(|| format!("client.{}.use", client.id));
                (uid, Type::Client, numbers, permit)
            }
        };
        let (resource, resource_type) = match question.resource {
            AdminResource::Server => (names.server.clone(), Type::Server),
            AdminResource::Client(client) => {
                let uid = uid(&names.client, client.id.as_str());
                // The actor may be the client that the question is about; its entity is there already.
                if uid != principal {
                    entities.push(self.client_entity(client, true)?);
                }
                (uid, Type::Client)
            }
        };
        let token = TokenPairs { client: None, scopes: question.token, grant: None, age_s: None };
        Ok(Case {
            key: Key { principal: kind, named, action: known.action.number, resource: resource_type },
            principal,
            action: known.action.uid.clone(),
            resource,
            context: facts::use_context(names, question.now_ms, question.ip, token, None)?,
            entities: decider.entities(entities)?,
            forbid: None,
            permit,
        })
    }

    /// The question in Cedar's words.
    pub(super) fn sign_in_case(
        &self,
        user: &User,
        ip: std::net::IpAddr,
        now_ms: i64,
    ) -> Result<Case, String> {
        let decider = self.decider();
        let names = &decider.names;
        let mut entities = names.sign_in.entities.clone();
        let entity = facts::user(names, user)?;
        let principal = entity.uid();
        entities.push(entity);
        Ok(Case {
            key: Key {
                principal: Type::User,
                named: self.user_numbers(&principal, user),
                action: names.sign_in.number,
                resource: Type::Server,
            },
            principal,
            action: names.sign_in.uid.clone(),
            resource: names.server.clone(),
            context: facts::record(facts::moment(now_ms, ip))?,
            entities: decider.entities(entities)?,
            forbid: None,
            permit: None,
        })
    }
}
