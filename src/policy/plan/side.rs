//! One of the two sets, as the plan asks it: what each of its policies says to a client, a grant and a scope while
//! the circumstances are open. Answers are remembered by what a policy looks at, so ten thousand clients that
//! look alike to a rule are one question.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityTypeName, EntityUid, PolicySet, Request,
    ResourceConstraint,
};
use serde_json::Value;

use super::lines::Lines;
use super::partial::{self, Truth, mentions, permit_if, shown};
use super::view::View;
use super::{Access, Level, Loaded};
use crate::oauth::client::Client;
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;
use crate::policy::names::uid;

/// Texts of both sides by number, so that answers are compared as numbers. 0 = no, 1 = yes.
#[derive(Default)]
pub(super) struct Texts {
    numbers: HashMap<String, u32>,
    shown: Vec<String>,
}

pub(super) const NO: u32 = 0;
pub(super) const YES: u32 = 1;

impl Texts {
    /// The number of a text; `people` is how it is shown.
    fn number(&mut self, key: String, people: impl FnOnce() -> String) -> u32 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        self.shown.push(people());
        let number = u32::try_from(self.shown.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.numbers.insert(key, number);
        number
    }

    /// The text of a number, for people.
    pub fn shown(&self, number: u32) -> &str {
        self.shown.get((number as usize).wrapping_sub(2)).map_or("", String::as_str)
    }
}

/// One set under the plan.
pub(super) struct Side<'a> {
    /// The set.
    pub loaded: &'a Loaded,
    /// Its policies.
    pub views: Vec<View>,
    /// Where list entries stand.
    pub lines: Lines<'a>,
    remembered: HashMap<(usize, u32, u8, u32), u32>,
    projections: HashMap<(usize, String), u32>,
    scopes: HashMap<Scope, u32>,
    authorizer: Authorizer,
    content: Option<EntityTypeName>,
}

/// A client, prepared for many questions.
pub(super) struct Asked<'c> {
    /// The client.
    pub client: &'c Client,
    entity: Entity,
    uid: EntityUid,
    groups: BTreeSet<EntityUid>,
    /// By view: what it sees of the client.
    seen: Vec<u32>,
    /// By grant: the views that can matter whatever the scope, and those that look at it.
    by_grant: BTreeMap<GrantType, (Answers, Vec<usize>)>,
}

/// What a set says to a question while the circumstances are open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Verdict {
    /// Never, under conditions, always.
    pub level: Level,
    /// Open conditions: whether it forbids, its number among the texts. The server's own count for equality only.
    pub open: BTreeSet<(bool, u32)>,
}

/// Which policies gave an answer other than no: the view, and the answer's number.
pub(super) type Answers = Vec<(usize, u32)>;

impl<'a> Side<'a> {
    pub fn new(loaded: &'a Loaded) -> Self {
        let snapshot = &loaded.snapshot;
        let infos: HashMap<&str, _> = snapshot.policies.iter().map(|info| (info.id.as_str(), info)).collect();
        let views = snapshot.decider().index.policies().filter_map(|policy| {
            let info = infos.get(AsRef::<str>::as_ref(policy.id()))?;
            Some(View::new(policy, info))
        });
        let scopes =
            snapshot.catalog().actions().zip(1..).map(|(action, number)| (action.scope.clone(), number));
        Self {
            views: views.collect(),
            lines: Lines::new(loaded),
            remembered: HashMap::new(),
            projections: HashMap::new(),
            scopes: scopes.collect(),
            authorizer: Authorizer::new(),
            content: "ContentType".parse().ok(),
            loaded,
        }
    }

    /// Prepares a client.
    pub fn asked<'c>(&mut self, client: &'c Client, texts: &mut Texts) -> Option<Asked<'c>> {
        let names = &self.loaded.snapshot.decider().names;
        let entity = self.loaded.snapshot.client_entity(client, true).ok()?;
        let groups: BTreeSet<EntityUid> =
            client.groups.iter().map(|group| uid(&names.group, group)).collect();
        let uid = entity.uid();
        let mut seen = Vec::with_capacity(self.views.len());
        for (index, view) in self.views.iter().enumerate() {
            let text = match &view.attributes {
                None => format!("{uid} {groups:?}"),
                Some(attributes) => projection(&entity, attributes),
            };
            let next = u32::try_from(self.projections.len()).unwrap_or(u32::MAX);
            seen.push(*self.projections.entry((index, text)).or_insert(next));
        }
        let mut asked = Asked { client, entity, uid, groups, seen, by_grant: BTreeMap::new() };
        for grant in &client.grants {
            let (mut fixed, mut open) = (Vec::new(), Vec::new());
            for index in 0..self.views.len() {
                if !self.views[index].meets(&asked.uid, &asked.groups, names.grant(*grant)?) {
                    continue;
                }
                let looks = self.views[index].reads_resource || self.views[index].names_resource();
                if looks {
                    open.push(index);
                }
                // What forbids to start the grant forbids all of its scopes; what permits the start permits none.
                if looks && !self.views[index].forbids {
                    continue;
                }
                let number = self.answer(index, &asked, *grant, None, texts);
                if number != NO {
                    fixed.push((index, number));
                }
            }
            asked.by_grant.insert(*grant, (fixed, open));
        }
        Some(asked)
    }

    /// What the set says to a scope, and which policies say it.
    pub fn verdict(
        &mut self,
        asked: &Asked<'_>,
        grant: GrantType,
        scope: &Scope,
        texts: &mut Texts,
    ) -> (Verdict, Answers) {
        let snapshot = &self.loaded.snapshot;
        let Some((fixed, open)) = asked.by_grant.get(&grant) else { return Default::default() };
        if snapshot.decider().names.known(scope).is_none() || !snapshot.in_ceiling(scope) {
            return Default::default();
        }
        let mut answers = fixed.clone();
        for index in open {
            let number = self.answer(*index, asked, grant, Some(scope), texts);
            if number != NO {
                answers.push((*index, number));
            }
        }
        (verdict(&self.views, &answers, asked.client.lists(scope)), answers)
    }

    /// Whether a hand-written rule permits scopes to clients at all.
    pub fn permits_clients(&self) -> bool {
        self.views.iter().any(|view| !view.forbids && !view.only_start() && view.about_clients())
    }

    /// Whether one of these policies can be about a client and a grant.
    pub fn reach(&self, views: &[usize], client: &Client) -> bool {
        let names = &self.loaded.snapshot.decider().names;
        let own = uid(&names.client, client.id.as_str());
        let groups: BTreeSet<EntityUid> =
            client.groups.iter().map(|group| uid(&names.group, group)).collect();
        views.iter().map(|index| &self.views[*index]).any(|view| {
            let grants = client.grants.iter().filter_map(|grant| names.grant(*grant));
            view.meets_principal(&own, &groups) && grants.into_iter().any(|action| view.meets_action(action))
        })
    }

    /// Whether one of these policies can be about the users of a role.
    pub fn reaches_role(&self, views: &[usize], role: &str) -> bool {
        let role = uid(&self.loaded.snapshot.decider().names.role, role);
        views.iter().any(|index| self.views[*index].meets_role(&role))
    }

    /// What may be had beyond the client's own list: whether a rule permits scopes to it.
    pub fn permitted_by_rules(&self, asked: &Asked<'_>) -> bool {
        let permits = |(fixed, open): &(Answers, Vec<usize>)| {
            let of_rule = |index: usize| !self.views[index].forbids && !self.views[index].only_start();
            fixed.iter().any(|(index, _)| of_rule(*index)) || open.iter().any(|index| of_rule(*index))
        };
        asked.by_grant.values().any(permits)
    }

    /// A view's answer to a client, a grant and a scope (none: it does not look at the scope).
    fn answer(
        &mut self,
        index: usize,
        asked: &Asked<'_>,
        grant: GrantType,
        scope: Option<&Scope>,
        texts: &mut Texts,
    ) -> u32 {
        let number = scope.and_then(|scope| self.scopes.get(scope)).copied().unwrap_or_default();
        let key = (index, asked.seen[index], grant as u8, number);
        if let Some(known) = self.remembered.get(&key) {
            return *known;
        }
        let answer = self.answer_anew(index, asked, grant, scope, texts);
        self.remembered.insert(key, answer);
        answer
    }

    fn answer_anew(
        &self,
        index: usize,
        asked: &Asked<'_>,
        grant: GrantType,
        scope: Option<&Scope>,
        texts: &mut Texts,
    ) -> u32 {
        let view = &self.views[index];
        let names = &self.loaded.snapshot.decider().names;
        let Some(action) = names.grant(grant) else { return NO };
        let known = scope.and_then(|scope| names.known(scope));
        let resource = known.map_or(&names.server, |known| &known.uid);
        let parents: Vec<EntityUid> = scope
            .and_then(|scope| Some(uid(self.content.as_ref()?, scope.content_type())))
            .into_iter()
            .collect();
        if !view.takes(resource, &parents) {
            return NO;
        }
        let mut entities: Vec<Entity> = action.entities.clone();
        entities.push(asked.entity.clone());
        entities.extend(known.map(|known| known.entity.clone()));
        let Ok(entities) = Entities::from_entities(entities, None) else { return NO };
        let mut evaluate = |expression: &Value| {
            let request =
                Request::new(asked.uid.clone(), action.uid.clone(), resource.clone(), Context::empty(), None)
                    .ok()?;
            self.evaluate(expression, &request, &entities)
        };
        match partial::conditions(&view.conditions, &["context"], &mut evaluate) {
            Truth::No => NO,
            Truth::Yes => YES,
            Truth::If(rest) => {
                let mut key = rest.to_string();
                if mentions(&rest, &["principal"]) {
                    key += &match &view.attributes {
                        None => format!(" {} {:?}", asked.uid, asked.groups),
                        Some(attributes) => projection(&asked.entity, attributes),
                    };
                }
                if mentions(&rest, &["resource"]) {
                    key += &resource.to_string();
                }
                texts.number(key, || shown(&rest))
            }
        }
    }

    /// Puts an expression without unknowns to Cedar.
    pub fn evaluate(&self, expression: &Value, request: &Request, entities: &Entities) -> Option<bool> {
        let set = PolicySet::from_policies([permit_if(expression)?]).ok()?;
        let response = self.authorizer.is_authorized(request, &set, entities);
        let failed = response.diagnostics().errors().next().is_some();
        (!failed).then(|| response.decision() == Decision::Allow)
    }

    /// What a user who has one role may do, while the user and the circumstances are open.
    pub fn role(&self, role: &str, scope: &Scope, texts: &mut Texts) -> (Verdict, Answers) {
        let names = &self.loaded.snapshot.decider().names;
        let Some(known) = names.known(scope) else { return Default::default() };
        let role = uid(&names.role, role);
        let admin = crate::policy::catalog::is_admin(scope);
        let mut answers = Vec::new();
        for (index, view) in self.views.iter().enumerate() {
            if !view.meets_role(&role) || !view.meets_action(&known.action) {
                continue;
            }
            let number = self.role_answer(view, known, admin, texts);
            if number != NO {
                answers.push((index, number));
            }
        }
        (verdict(&self.views, &answers, false), answers)
    }

    fn role_answer(
        &self,
        view: &View,
        known: &crate::policy::names::ScopeNames,
        admin: bool,
        texts: &mut Texts,
    ) -> u32 {
        if !admin && !view.takes(&known.resource, &[]) {
            return NO;
        }
        // What administration is about is open: the server, or some client.
        let unknown: &[&str] =
            if admin { &["context", "principal", "resource"] } else { &["context", "principal"] };
        let Ok(entities) = Entities::from_entities(known.action.entities.clone(), None) else { return NO };
        let somebody = uid(&self.loaded.snapshot.decider().names.user, "somebody");
        let mut evaluate = |expression: &Value| {
            let (action, resource) = (known.action.uid.clone(), known.resource.clone());
            let request = Request::new(somebody.clone(), action, resource, Context::empty(), None).ok()?;
            self.evaluate(expression, &request, &entities)
        };
        let about = match view.policy.resource_constraint() {
            ResourceConstraint::Any => String::new(),
            other if admin => format!("{other:?}"),
            _ => String::new(),
        };
        match partial::conditions(&view.conditions, unknown, &mut evaluate) {
            Truth::No => NO,
            Truth::Yes if about.is_empty() => YES,
            Truth::Yes => texts.number(about.clone(), || "about some resources only".to_owned()),
            Truth::If(rest) => texts.number(format!("{about} {rest}"), || shown(&rest)),
        }
    }

    /// How an access is shown.
    pub fn access(&self, verdict: &Verdict, answers: &Answers, texts: &Texts) -> Access {
        let mut conditions: Vec<String> = answers
            .iter()
            .filter(|(index, number)| *number != YES && !self.views[*index].built_in)
            .map(|(index, number)| {
                let view = &self.views[*index];
                let word = if view.forbids { "not if" } else { "if" };
                format!("{word} {} ({}, {})", texts.shown(*number), view.id, view.source)
            })
            .collect();
        conditions.sort();
        conditions.dedup();
        if verdict.level != Level::Conditional {
            conditions.clear();
        }
        Access { level: verdict.level, conditions }
    }
}

fn verdict(views: &[View], answers: &Answers, listed: bool) -> Verdict {
    let scope_permits = |index: usize| !views[index].forbids && !views[index].only_start();
    if answers.iter().any(|(index, number)| views[*index].forbids && *number == YES) {
        return Verdict::default();
    }
    let permitted = listed || answers.iter().any(|(index, number)| scope_permits(*index) && *number == YES);
    let mut open: BTreeSet<(bool, u32)> = BTreeSet::new();
    let mut conditional = !permitted;
    for (index, number) in answers.iter().filter(|(_, number)| *number != YES) {
        let view = &views[*index];
        if view.forbids || (!permitted && scope_permits(*index)) {
            open.insert((view.forbids, *number));
            conditional |= !view.built_in;
        }
    }
    if !permitted && !open.iter().any(|(forbids, _)| !forbids) {
        return Verdict::default();
    }
    Verdict { level: if conditional { Level::Conditional } else { Level::Always }, open }
}

/// The values of some attributes, as text.
fn projection(entity: &Entity, attributes: &BTreeSet<String>) -> String {
    let mut text = String::new();
    for name in attributes {
        let value = match entity.attr(name) {
            Some(Ok(value)) => value.to_string(),
            Some(Err(error)) => error.to_string(),
            None => "-".to_owned(),
        };
        text.push_str(&format!("{name}={value};"));
    }
    text
}
