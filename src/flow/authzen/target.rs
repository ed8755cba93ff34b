//! What a question is about: its action in the catalog, and its resource as policies see it.

use super::{Action, Resource};
use crate::oauth::request_path::RequestPath;
use crate::oauth::scope::Scope;
use crate::policy::{HttpFacts, Snapshot, Thing};

/// An action of the catalog and a resource.
pub struct Target {
    /// The action.
    pub action: Scope,
    /// The resource, unless it is the content type itself.
    pub resource: Option<Thing>,
    /// The request that a route stands for.
    pub http: Option<HttpFacts>,
}

/// Resolves names; an error says what there is not.
pub fn target(snapshot: &Snapshot, action: &Action, resource: &Resource) -> Result<Target, &'static str> {
    if resource.kind == "route" {
        return route(snapshot, action, resource);
    }
    let catalog = snapshot.catalog();
    let (name, thing) = match resource.kind.as_str() {
        "content_type" => (resource.id.as_str(), None),
        kind => (kind, Some(resource)),
    };
    let content = catalog.resource_type(name).ok_or(match thing {
        None => "content type",
        Some(_) => "resource type",
    })?;
    let full = |name: &str| Scope::parse(&format!("{}.{name}", content.name)).ok();
    let known = |scope: &Scope| scope.content_type() == content.name && catalog.action(scope).is_some();
    let named = Scope::parse(&action.name).ok().filter(known);
    let scope = named.or_else(|| full(&action.name).filter(known)).ok_or("action")?;
    let resource = thing.map(|stated| {
        let stored = content.resources.get(&stated.id);
        let properties = match stored {
            None => stated.properties.clone(),
            Some(stored) => stated.properties.or(stored),
        };
        Thing { kind: stated.kind.clone(), id: stated.id.clone(), properties }
    });
    Ok(Target { action: scope, resource, http: None })
}

/// What a gateway asks: the method is the action, the path the resource, `hostname` where routes have hosts.
fn route(snapshot: &Snapshot, action: &Action, resource: &Resource) -> Result<Target, &'static str> {
    let path = RequestPath::parse(&resource.id).ok_or("route")?;
    let host = resource.properties.one("hostname").unwrap_or_default().to_ascii_lowercase();
    let found = snapshot.catalog().routes().find(&host, &action.name, &path).ok_or("route")?;
    let http = HttpFacts {
        method: action.name.clone(),
        path: resource.id.clone(),
        params: found.params.clone(),
        headers: Vec::new(),
    };
    let (kind, properties) = (resource.kind.clone(), resource.properties.clone());
    let thing = Thing { kind, id: resource.id.clone(), properties };
    Ok(Target { action: found.action.clone(), resource: Some(thing), http: Some(http) })
}
