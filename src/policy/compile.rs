//! Scope documents become ordinary Cedar. Names enter the text only through [`quoted`],
//! so no name can end a literal and go on as policy (attack row Y12).

use std::fmt::Write as _;

use super::catalog::is_admin;
use crate::oauth::scope::Scope;

/// A policy as text, with its id and the place that it comes from.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// `<kind>.<name>[.<part>]`.
    pub id: String,
    /// `policies/clients/reporting.yaml:3`.
    pub source: String,
    /// The Cedar text.
    pub text: String,
    /// What decides whether the text is valid under a schema: the text without the names that validation
    /// does not look at, so that a thousand clients are validated as a few shapes.
    pub shape: String,
}

/// A Cedar string literal.
pub fn quoted(text: &str) -> String {
    // Ids hardly ever need escapes, and every line of the decision log has some.
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\');
    match text.bytes().all(plain) {
        true => ["\"", text, "\""].concat(),
        false => format!("\"{}\"", text.escape_debug()),
    }
}

fn literal(kind: &str, id: &str) -> String {
    format!("{kind}::{}", quoted(id))
}

fn list(kind: &str, scopes: &[Scope]) -> String {
    let items: Vec<String> =
        scopes.iter().map(|scope| format!("  {}", literal(kind, scope.as_str()))).collect();
    format!("[\n{}\n]", items.join(",\n"))
}

fn head(id: &str, source: &str) -> String {
    format!("@id({})\n@source({})\n", quoted(id), quoted(source))
}

/// The ceiling: no permit gets past it, whoever wrote it.
pub fn ceiling(source: &str, scopes: &[Scope]) -> Compiled {
    let id = "global.ceiling".to_owned();
    let mut text = head(&id, source);
    text.push_str("@error(\"invalid_scope\")\nforbid (principal is Client, action in Action::\"grant\", resource is Scope)");
    if !scopes.is_empty() {
        let _ = write!(text, "\nunless {{ {}.contains(resource) }}", list("Scope", scopes));
    }
    text.push(';');
    let shape = format!("ceiling {}", scopes.is_empty());
    Compiled { id, source: source.to_owned(), text, shape }
}

/// What a client may be granted, and what its machine tokens may do. Nothing for a client without scopes.
pub fn client(name: &str, source: &str, scopes: &[Scope]) -> Vec<Compiled> {
    if scopes.is_empty() {
        return Vec::new();
    }
    let principal = literal("Client", name);
    let id = format!("client.{name}");
    let mut grant = head(&id, source);
    let _ = write!(
        grant,
        "permit (principal == {principal}, action in Action::\"grant\", resource is Scope)\nwhen {{ {}.contains(resource) }};",
        list("Scope", scopes)
    );
    let used = format!("client.{name}.use");
    let mut usage = head(&used, source);
    let actions = list("Action", scopes);
    let _ = write!(usage, "permit (principal == {principal}, action in {actions}, resource);");
    vec![
        Compiled { id, source: source.to_owned(), text: grant, shape: "client".to_owned() },
        Compiled { id: used, source: source.to_owned(), text: usage, shape: format!("client.use {actions}") },
    ]
}

/// What the users of a role may do with one content type.
pub fn role(name: &str, content_type: &str, source: &str, actions: &[Scope]) -> Compiled {
    let id = format!("role.{name}.{content_type}");
    let mut text = head(&id, source);
    // Administration is about the server or about one client, not about a content type.
    let resource = match actions.first().is_some_and(is_admin) {
        true => "resource".to_owned(),
        false => format!("resource == {}", literal("ContentType", content_type)),
    };
    let actions = list("Action", actions);
    let _ = write!(text, "permit (principal in {}, action in {actions}, {resource});", literal("Role", name));
    let shape = format!("role {actions} {}", resource.contains("=="));
    Compiled { id, source: source.to_owned(), text, shape }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::Policy;

    fn scopes(names: &[&str]) -> Vec<Scope> {
        names.iter().map(|name| Scope::parse(name).unwrap()).collect()
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            cases: 500, failure_persistence: None, ..Default::default()
        })]

        /// Y12: whatever a name holds, its literal is that name and nothing else.
        #[test]
        fn y12_a_literal_is_its_name(name in "(\\\\|\"|'|\n|\u{0}|\u{301}|\u{202e}|//|;|\\$\\{|[^a]|\\PC){0,24}") {
            let uid: cedar_policy::EntityUid = literal("User", &name).parse().unwrap();
            proptest::prop_assert_eq!(uid.id().unescaped(), name.as_str());
            let text = format!("permit (principal, action, resource) when {{ principal == {} }};", literal("User", &name));
            let policy = Policy::parse(None, text).unwrap();
            proptest::prop_assert_eq!(policy.entity_literals(), vec![uid]);
        }
    }

    #[test]
    fn y12_a_name_cannot_leave_its_literal() {
        for evil in ["a\"); permit(principal, action, resource); //", "a\\", "a\n", "\u{202e}x", "é\0"] {
            let [grant, usage] = &client(evil, evil, &scopes(&["api::a.a.find"]))[..] else { panic!() };
            for compiled in
                [grant, usage, &role(evil, evil, evil, &scopes(&["api::a.a.find"])), &ceiling(evil, &[])]
            {
                let policy =
                    Policy::parse(None, &compiled.text).unwrap_or_else(|e| panic!("{e}: {}", compiled.text));
                assert_eq!(policy.annotation("source"), Some(evil));
            }
            let policy = Policy::parse(None, &grant.text).unwrap();
            let cedar_policy::PrincipalConstraint::Eq(uid) = policy.principal_constraint() else { panic!() };
            assert_eq!(uid.id().unescaped(), evil);
        }
    }

    #[test]
    fn what_reviewers_read() {
        let [grant, usage] =
            &client("reporting", "policies/clients/reporting.yaml:3", &scopes(&["a::b.c.find"]))[..]
        else {
            panic!()
        };
        assert_eq!(
            grant.text,
            "@id(\"client.reporting\")\n@source(\"policies/clients/reporting.yaml:3\")\n\
             permit (principal == Client::\"reporting\", action in Action::\"grant\", resource is Scope)\n\
             when { [\n  Scope::\"a::b.c.find\"\n].contains(resource) };"
        );
        assert!(usage.text.ends_with("action in [\n  Action::\"a::b.c.find\"\n], resource);"));
    }
}
