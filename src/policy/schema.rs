//! The Cedar schema: the server's own part, then one action for every action of the catalog.

use std::fmt::Write as _;

use super::catalog::{Catalog, is_admin};
use super::compile::quoted;

const BASE: &str = include_str!("base.cedarschema");

/// The schema that rules are written against, as `policies/schema.cedarschema` holds it.
pub fn schema_text(catalog: &Catalog) -> String {
    let mut text = String::from(BASE);
    text.push_str("\n// ---- the catalog (generated) --------------------------------------------------\n");
    for kind in catalog.content_types() {
        let admin = kind.actions.first().is_some_and(is_admin) || kind.name.starts_with("admin:");
        let family = if admin { "admin" } else { "api" };
        let (resources, context) = if admin { ("[Server, Client]", "Administration") } else { ("[ContentType]", "Use") };
        let _ = writeln!(text, "\n@doc({})", quoted(&kind.title));
        let _ = writeln!(text, "action {} in [{}];", quoted(&kind.name), quoted(family));
        for scope in &kind.actions {
            let title = catalog.action(scope).map_or("", |action| action.title.as_str());
            let _ = writeln!(text, "@doc({})", quoted(title));
            let _ = writeln!(
                text,
                "action {} in [{}] appliesTo {{ principal: [User, Client], resource: {resources}, context: {context} }};",
                quoted(scope.as_str()),
                quoted(&kind.name),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn the_built_in_schema_is_a_schema() {
        let text = schema_text(&Catalog::built_in());
        cedar_policy::Schema::from_str(&text).unwrap();
    }
}
