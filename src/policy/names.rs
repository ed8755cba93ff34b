//! Cedar's names for things, made once per snapshot: making them anew would cost more than the decision.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, ParseErrors, RestrictedExpression};

use super::catalog::{Catalog, is_admin};
use super::slice::Type;
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;

/// The names of one snapshot.
pub struct Names {
    pub client: EntityTypeName,
    pub user: EntityTypeName,
    pub role: EntityTypeName,
    pub group: EntityTypeName,
    pub scope: EntityTypeName,
    pub server: EntityUid,
    pub sign_in: ActionNames,
    pub confidential: EntityUid,
    pub public: EntityUid,
    pub pkce_none: EntityUid,
    pub pkce_plain: EntityUid,
    pub pkce_s256: EntityUid,
    pub params: EntityUid,
    pub headers: EntityUid,
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
        Self::make(catalog).map_err(|error| error.to_string())
    }

    fn make(catalog: &Catalog) -> Result<Self, Problem> {
        let kind = |name: &str| EntityTypeName::from_str(name);
        let (action, content) = (kind("Action")?, kind("ContentType")?);
        let uid = |kind: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
        let mut actions = Vec::new();
        let mut add = |id: &str, groups: &[&str]| {
            let line: Vec<EntityUid> = std::iter::once(id).chain(groups.iter().copied()).map(|id| uid(&action, id)).collect();
            let entities = line
                .iter()
                .enumerate()
                .map(|(at, own)| Entity::new_no_attrs(own.clone(), line.get(at + 1).cloned().into_iter().collect()))
                .collect();
            let number = u32::try_from(actions.len()).unwrap_or(u32::MAX);
            let names = ActionNames { number, uid: line[0].clone(), entities };
            actions.push(line);
            names
        };
        let grants = GrantType::ALL.into_iter().map(|grant| (grant, add(grant.action(), &["grant"]))).collect();
        let sign_in = add("user:sign_in", &[]);
        let server = uid(&kind("Server")?, "self");
        let scope_type = kind("Scope")?;
        let mut scopes = HashMap::new();
        for known in catalog.actions() {
            let scope = &known.scope;
            let admin = is_admin(scope);
            let parent = uid(&content, scope.content_type());
            let own = uid(&scope_type, scope.as_str());
            let attributes = HashMap::from([("sensitive".to_owned(), RestrictedExpression::new_bool(known.sensitive))]);
            let entity = Entity::new(own.clone(), attributes, HashSet::from([parent.clone()]))?;
            let names = ScopeNames {
                uid: own,
                entity,
                action: add(scope.as_str(), &[scope.content_type(), if admin { "admin" } else { "api" }]),
                resource: if admin { server.clone() } else { parent },
                resource_type: if admin { Type::Server } else { Type::ContentType },
            };
            scopes.insert(scope.clone(), names);
        }
        let (kinds, pkce) = (kind("ClientKind")?, kind("Pkce")?);
        Ok(Self {
            client: kind("Client")?,
            user: kind("User")?,
            role: kind("Role")?,
            group: kind("ClientGroup")?,
            server,
            sign_in,
            confidential: uid(&kinds, "confidential"),
            public: uid(&kinds, "public"),
            pkce_none: uid(&pkce, "none"),
            pkce_plain: uid(&pkce, "plain"),
            pkce_s256: uid(&pkce, "S256"),
            params: uid(&kind("PathParams")?, "request"),
            headers: uid(&kind("Headers")?, "request"),
            scope: scope_type,
            grants,
            scopes,
            actions,
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

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Name(#[from] ParseErrors),
    #[error("{0}")]
    Attribute(#[from] cedar_policy::EntityAttrEvaluationError),
}
