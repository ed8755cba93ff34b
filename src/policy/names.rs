//! Cedar's names for things, made once per snapshot: making them anew would cost more than the decision.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use super::catalog::{Catalog, CatalogAction, is_admin};
use super::slice::Type;
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;

/// The names of one snapshot.
pub struct Names {
    /// `Client`
    pub client: EntityTypeName,
    /// `User`
    pub user: EntityTypeName,
    /// `Operator`
    pub operator: EntityTypeName,
    /// `Role`
    pub role: EntityTypeName,
    /// `ClientGroup`
    pub group: EntityTypeName,
    /// `Scope`
    pub scope: EntityTypeName,
    /// `Server::"self"`
    pub server: EntityUid,
    /// `Action::"user:sign_in"`
    pub sign_in: ActionNames,
    /// `ClientKind::"confidential"`
    pub confidential: EntityUid,
    /// `ClientKind::"public"`
    pub public: EntityUid,
    /// `Pkce::"none"`
    pub pkce_none: EntityUid,
    /// `Pkce::"plain"`
    pub pkce_plain: EntityUid,
    /// `Pkce::"S256"`
    pub pkce_s256: EntityUid,
    /// `PathParams::"request"`
    pub params: EntityUid,
    /// `Headers::"request"`
    pub headers: EntityUid,
    /// `Properties::"resource"`
    pub stated_resource: EntityUid,
    /// `Properties::"action"`
    pub stated_action: EntityUid,
    /// `Properties::"subject"`
    pub stated_subject: EntityUid,
    grants: HashMap<GrantType, ActionNames>,
    scopes: HashMap<Scope, ScopeNames>,
    actions: Vec<Vec<EntityUid>>,
}

/// An action with the entities that a question about it needs.
pub struct ActionNames {
    /// Its number in the index.
    pub number: u32,
    /// Its uid.
    pub uid: EntityUid,
    /// The action and its groups.
    pub entities: Vec<Entity>,
}

/// A scope as a thing that is granted, and as an action that is carried out.
pub struct ScopeNames {
    /// `Scope::"…"`
    pub uid: EntityUid,
    /// The entity of that name.
    pub entity: Entity,
    /// Its parent.
    pub content_type: EntityUid,
    /// `Action::"…"`
    pub action: ActionNames,
    /// What the action is carried out on.
    pub resource: EntityUid,
    /// The type of that.
    pub resource_type: Type,
}

impl Names {
    /// Makes the names of a catalog.
    pub fn new(catalog: &Catalog) -> Result<Self, String> {
        let (kinds, pkce) = (kind("ClientKind")?, kind("Pkce")?);
        let properties = kind("Properties")?;
        let mut actions = Actions { kind: kind("Action")?, known: Vec::new() };
        let grants = GrantType::ALL
            .into_iter()
            .map(|grant| (grant, actions.add(grant.action(), &["grant"])))
            .collect();
        let sign_in = actions.add("user:sign_in", &[]);
        let server = uid(&kind("Server")?, "self");
        let (scope, content) = (kind("Scope")?, kind("ContentType")?);
        let mut scopes = HashMap::new();
        for known in catalog.actions() {
            let names = scope_names(known, &scope, &content, &server, &mut actions)?;
            scopes.insert(known.scope.clone(), names);
        }
        Ok(Self {
            client: kind("Client")?,
            user: kind("User")?,
            operator: kind("Operator")?,
            role: kind("Role")?,
            group: kind("ClientGroup")?,
            scope,
            server,
            sign_in,
            confidential: uid(&kinds, "confidential"),
            public: uid(&kinds, "public"),
            pkce_none: uid(&pkce, "none"),
            pkce_plain: uid(&pkce, "plain"),
            pkce_s256: uid(&pkce, "S256"),
            params: uid(&kind("PathParams")?, "request"),
            headers: uid(&kind("Headers")?, "request"),
            stated_resource: uid(&properties, "resource"),
            stated_action: uid(&properties, "action"),
            stated_subject: uid(&properties, "subject"),
            grants,
            scopes,
            actions: actions.known,
        })
    }

    /// The known actions with their groups, by number.
    pub fn actions(&self) -> &[Vec<EntityUid>] {
        &self.actions
    }

    /// The names of a grant's action.
    pub fn grant(&self, grant: GrantType) -> Option<&ActionNames> {
        self.grants.get(&grant)
    }

    /// The names of a scope; none = the catalog does not know it.
    pub fn known(&self, scope: &Scope) -> Option<&ScopeNames> {
        self.scopes.get(scope)
    }
}

/// The uid of a thing.
pub fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn kind(name: &str) -> Result<EntityTypeName, String> {
    EntityTypeName::from_str(name).map_err(|error| error.to_string())
}

/// Gives actions their numbers.
struct Actions {
    kind: EntityTypeName,
    known: Vec<Vec<EntityUid>>,
}

impl Actions {
    /// Adds an action that is in the first group, which is in the second.
    fn add(&mut self, id: &str, groups: &[&str]) -> ActionNames {
        let own = uid(&self.kind, id);
        let line: Vec<EntityUid> =
            std::iter::once(own.clone()).chain(groups.iter().map(|id| uid(&self.kind, id))).collect();
        let parents = |at: usize| line.get(at + 1).cloned().into_iter().collect();
        let entities =
            line.iter().enumerate().map(|(at, uid)| Entity::new_no_attrs(uid.clone(), parents(at))).collect();
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.push(line);
        ActionNames { number, uid: own, entities }
    }
}

fn scope_names(
    known: &CatalogAction,
    scope_type: &EntityTypeName,
    content_type: &EntityTypeName,
    server: &EntityUid,
    actions: &mut Actions,
) -> Result<ScopeNames, String> {
    let scope = &known.scope;
    let admin = is_admin(scope);
    let parent = uid(content_type, scope.content_type());
    let own = uid(scope_type, scope.as_str());
    let sensitive = RestrictedExpression::new_bool(known.sensitive);
    let attributes = HashMap::from([("sensitive".to_owned(), sensitive)]);
    let entity = Entity::new(own.clone(), attributes, HashSet::from([parent.clone()]));
    Ok(ScopeNames {
        uid: own,
        entity: entity.map_err(|error| error.to_string())?,
        content_type: parent.clone(),
        action: actions.add(scope.as_str(), &[scope.content_type(), if admin { "admin" } else { "api" }]),
        resource: if admin { server.clone() } else { parent },
        resource_type: if admin { Type::Server } else { Type::Content },
    })
}
