//! Token requests as a whole, and what must never be permitted.

use super::mistakes::{copy, write};
use super::{client, engine_of, scope, shipped, user};
use crate::oauth::client::{ActFor, ClientId, ClientType};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{
    ClientDocument, GrantFacts, GrantQuestion, HttpFacts, Mode, OnDenied, Requested, TokenFacts, UseQuestion,
};

fn facts() -> GrantFacts {
    GrantFacts::new(1_767_614_400_000, "127.0.0.1".parse().unwrap(), 600)
}

#[test]
fn y1_a_forbid_that_errs_opens_nothing() {
    let dir = copy();
    // Strictly valid, and it overflows whenever it is evaluated; Cedar itself skips it and allows.
    let text = "@id(\"broken\") forbid (principal, action in Action::\"grant\", resource is Scope) when { 9223372036854775807 + 1 == 0 };";
    write(dir.path(), "rules/broken.cedar", text);
    let engine = engine_of(dir.path());
    let snapshot = engine.current();
    let facts = facts();
    let reporting = client(&snapshot, "reporting");
    let q = GrantQuestion {
        client: reporting,
        active: true,
        grant: GrantType::JwtBearer,
        user: None,
        facts: &facts,
    };
    let find = scope("api::form.form.find");
    let decided = snapshot.decide_scopes(&q, std::slice::from_ref(&find));
    assert!(!decided[0].1.allowed);
    assert_eq!(decided[0].1.errors.len(), 1);
    assert_eq!(engine.evaluation_errors(), 1);
    assert!(snapshot.still_permitted(&q, std::slice::from_ref(&find)).is_empty());
    let refused = snapshot.issue_token(&q, Requested::Exactly(&[find]), OnDenied::Reject);
    assert!(matches!(refused, Err(Stop::Reject(Reject::ScopeDenied { .. }))));
}

#[test]
fn a_token_request_as_a_whole() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let facts = facts();
    let (find, delete, unknown) =
        (scope("api::form.form.find"), scope("api::form.form.delete"), scope("a.b"));
    let q = GrantQuestion {
        client: client(&snapshot, "reporting"),
        active: true,
        grant: GrantType::JwtBearer,
        user: None,
        facts: &facts,
    };
    let all = snapshot.issue_token(&q, Requested::All, OnDenied::Reject).unwrap();
    assert_eq!(all.get().scopes.len(), 3);
    assert_eq!(all.get().policies, ["base.start", "client.reporting"]);
    assert_eq!(all.get().revision, *snapshot.revision());

    let both = [find.clone(), delete.clone()];
    match snapshot.issue_token(&q, Requested::Exactly(&both), OnDenied::Reject) {
        Err(Stop::Reject(Reject::ScopeDenied { scope, policies })) => {
            assert_eq!((scope, policies.len()), (delete.clone(), 0))
        }
        other => panic!("{other:?}"),
    }
    let narrowed = snapshot.issue_token(&q, Requested::Exactly(&both), OnDenied::Narrow).unwrap();
    assert_eq!(narrowed.get().scopes, std::slice::from_ref(&find));
    let none = snapshot.issue_token(&q, Requested::Exactly(&[delete, unknown]), OnDenied::Narrow);
    assert!(matches!(none, Err(Stop::Reject(Reject::NoScope))));

    let wrong = GrantQuestion { grant: GrantType::ClientCredentials, ..q };
    let refused = snapshot.issue_token(&wrong, Requested::All, OnDenied::Reject);
    assert!(matches!(refused, Err(Stop::Reject(Reject::GrantNotAllowed(GrantType::ClientCredentials)))));
    let off = GrantQuestion { active: false, ..q };
    match snapshot.issue_token(&off, Requested::All, OnDenied::Reject) {
        Err(Stop::Reject(Reject::Policy { error, policies })) => {
            assert_eq!(
                (error.as_str(), policies),
                ("unauthorized_client", vec!["kernel.client-inactive".to_owned()])
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(snapshot.still_permitted(&off, &[find]).is_empty());
}

#[test]
fn acting_for_users() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let facts = facts();
    let mut reporting = client(&snapshot, "reporting").clone();
    let ann = user("ann", &["authenticated"]);
    let eve = user("eve", &["editor"]);
    let start = |client: &crate::oauth::client::Client, user| {
        let q = GrantQuestion {
            client,
            active: true,
            grant: GrantType::JwtBearer,
            user: Some(user),
            facts: &facts,
        };
        snapshot.issue_token(&q, Requested::All, OnDenied::Reject)
    };
    assert_eq!(start(&reporting, &ann).unwrap().get().user.as_deref(), Some("id-ann"));
    assert!(matches!(start(&reporting, &eve), Err(Stop::Reject(Reject::UserRefused))));
    let blocked = crate::oauth::user::User { blocked: true, ..ann.clone() };
    assert!(matches!(start(&reporting, &blocked), Err(Stop::Reject(Reject::UserRefused))));
    reporting.act_for = vec![ActFor::User("eve".to_owned())];
    assert!(start(&reporting, &eve).is_ok());
    assert!(start(&reporting, &ann).is_err());
    reporting.act_for = vec![];
    reporting.owner = Some("id-eve".to_owned());
    assert!(start(&reporting, &eve).is_err(), "an owner is one only in assertion style owner");
    reporting.assertion_style = crate::oauth::client::AssertionStyle::Owner;
    assert!(start(&reporting, &eve).is_ok());
}

#[test]
fn a_code_needs_consent_and_a_role() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let find = [scope("api::form.form.find")];
    let mut facts = facts();
    facts.pkce = Some(Method::S256);
    let ann = user("ann", &["authenticated"]);
    let web = client(&snapshot, "web-app");
    let ask = |facts: &GrantFacts| {
        let q = GrantQuestion {
            client: web,
            active: true,
            grant: GrantType::AuthorizationCode,
            user: Some(&ann),
            facts,
        };
        (snapshot.still_permitted(&q, &find).len(), snapshot.issue_code(&q, &find).is_ok())
    };
    assert_eq!(ask(&facts), (1, false), "a preview before consent is not a code");
    facts.consented = Some(find.to_vec());
    assert_eq!(ask(&facts), (1, true));
    facts.consented = Some(vec![]);
    assert_eq!(ask(&facts), (0, false));
}

#[test]
fn database_clients_obey_the_same_rules() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let id = ClientId::parse("made").unwrap();
    let mut doc = ClientDocument::new(ClientType::Confidential);
    doc.scopes =
        vec!["api::form.form.find".into(), "api::invoice.invoice.approve".into(), "gone.gone".into()];
    doc.redirect_uris = vec!["{public_url}/x".into()];
    let problems = snapshot.parse_client(&id, &doc, Mode::Strict).unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|p| p.field.as_str()).collect();
    assert_eq!(fields, ["redirect_uris[0]", "scopes[1]", "scopes[2]"]);
    doc.redirect_uris.clear();
    let made = snapshot.parse_client(&id, &doc, Mode::Stored).unwrap();
    assert_eq!(made.scopes.len(), 2);
    let facts = facts();
    let q =
        GrantQuestion { client: &made, active: true, grant: GrantType::JwtBearer, user: None, facts: &facts };
    assert_eq!(snapshot.still_permitted(&q, &made.scopes), [scope("api::form.form.find")]);
    let permit = snapshot.issue_token(&q, Requested::All, OnDenied::Reject).unwrap();
    assert_eq!(permit.get().policies, ["base.start", "client.made"]);
    assert_eq!(snapshot.client_policies(&made).len(), 2);
}

#[test]
fn requests_can_be_read_by_rules() {
    let dir = copy();
    let text = "@id(\"own\") forbid (principal is User, action == Action::\"api::form.form.findOne\", resource)
        when { context has http && !(context.http.params.hasTag(\"id\") && context.http.params.getTag(\"id\") == \"7\") };";
    write(dir.path(), "rules/own.cedar", text);
    let engine = engine_of(dir.path());
    let snapshot = engine.current();
    let action = scope("api::form.form.findOne");
    let ann = user("ann", &["authenticated"]);
    let ask = |id: &str| {
        let http = HttpFacts {
            method: "GET".into(),
            path: format!("/api/forms/{id}"),
            params: vec![("id".into(), id.into())],
            headers: vec![],
        };
        let token = TokenFacts {
            scopes: std::slice::from_ref(&action),
            grant: GrantType::AuthorizationCode,
            age_s: 5,
        };
        let question = UseQuestion {
            user: Some(&ann),
            client: client(&snapshot, "spa"),
            active: true,
            action: &action,
            token,
            now_ms: 0,
            ip: "::1".parse().unwrap(),
            http: Some(&http),
            stated: Default::default(),
        };
        snapshot.decide_use(&question)
    };
    assert!(ask("7").allowed);
    assert_eq!(ask("8").policies, ["own"]);
}

#[test]
fn y12_names_from_outside_stay_names() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let facts = facts();
    let evil = user("x\" || true || \"", &["authenticated\"", "administrator\" || true"]);
    let reporting = client(&snapshot, "reporting");
    let q = GrantQuestion {
        client: reporting,
        active: true,
        grant: GrantType::JwtBearer,
        user: Some(&evil),
        facts: &facts,
    };
    assert!(!snapshot.decide_start(&q).allowed);
    assert_eq!(engine.evaluation_errors(), 0);
}
