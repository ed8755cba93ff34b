//! Live tokens follow the policy on every path and every replica, within a second (design §6, attack row Z10).

use serde_json::json;

use super::{Proxy, protecting};
use crate::harness::{BOUND, Backend, Client, Options, Server, eventually, policies, scope};

/// What a replica says about a token: introspection's `active`, the status of a forward-auth question about a list of
/// forms, and the decision of AuthZEN about the same.
type Seen = (bool, u16, bool);

const ALIVE: [Seen; 2] = [(true, 200, true); 2];
const WEAKER: [Seen; 2] = [(true, 403, false); 2];
const DEAD: [Seen; 2] = [(false, 401, false); 2];

/// Two replicas, and who asks them.
struct Replicas<'a> {
    servers: [&'a Server; 2],
    asker: Client,
}

impl Replicas<'_> {
    fn seen(&self, caller: &Client, token: &str) -> [Seen; 2] {
        self.servers.map(|server| {
            let status = Proxy::Nginx.asks(server, "GET", "/api/forms").bearer(token).send().status;
            let decision = super::decides(server, &self.asker, token, "find").expect("a decision");
            (server.is_active(caller, token), status, decision)
        })
    }

    /// Twice, so that the second answers come from memory.
    #[track_caller]
    fn are_alive(&self, caller: &Client, token: &str) {
        for _ in 0..2 {
            assert_eq!(self.seen(caller, token), ALIVE);
        }
    }
}

fn on_two_replicas(backend: Backend, story: impl Fn(&Server, &Replicas<'_>)) {
    if backend == Backend::Postgres && crate::harness::postgres::Cluster::shared().is_none() {
        return;
    }
    let first = Server::start(protecting().on(backend));
    let second = first.replica();
    let asker = super::asker(&first);
    story(&first, &Replicas { servers: [&first, &second], asker });
}

fn follows(backend: Backend) {
    on_two_replicas(backend, |first, both| {
        // A disabled client. Its own introspection ends with it, so another caller looks.
        let watcher = first.jwt_client(&[scope::FIND]);
        let machine = first.machine_token(&watcher, scope::FIND);
        both.are_alive(&watcher, &machine);
        first.update_client(&watcher, &json!({ "active": false })).ok();
        eventually("a disabled client is refused on both", BOUND, || {
            both.servers.iter().all(|server| {
                let ask = Proxy::Nginx.asks(server, "GET", "/api/forms").bearer(&machine);
                ask.send().status == 401
                    && super::decides(server, &both.asker, &machine, "find") == Some(false)
            })
        });
        // Consent withdrawn by the user.
        let client = first.confidential_client(&[scope::FIND]);
        let token = first.user_token(&client, &[scope::FIND]);
        both.are_alive(&client, &token);
        crate::harness::Http::delete(first.mounted(&format!("consents/{}", client.id)))
            .bearer(first.admin().jwt(first))
            .send()
            .ok();
        eventually("a withdrawn consent is followed on both", BOUND, || both.seen(&client, &token) == DEAD);
        // A blocked user.
        let editor = first.editor();
        let delegate = first.delegate();
        let assertion = delegate.assertion(first).claim("sub", editor.id(first)).sign();
        let acted = first.present_for(&assertion, scope::FIND).access_token();
        both.are_alive(&delegate, &acted);
        first.block_user(&editor);
        eventually("a blocked user is followed on both", BOUND, || both.seen(&delegate, &acted) == DEAD);
        // A revoked token.
        let another = first.machine_token(&delegate, scope::FIND);
        both.are_alive(&delegate, &another);
        first.revoke(&delegate, &another).ok();
        eventually("a revocation is followed on both", BOUND, || both.seen(&delegate, &another) == DEAD);
    });
}

#[test]
fn sqlite_follows() {
    follows(Backend::Sqlite);
}

#[test]
fn postgres_follows() {
    follows(Backend::Postgres);
}

/// A scope that is taken out of a file is taken out of live tokens, on both replicas of one folder.
#[test]
fn a_scope_removed_in_git() {
    on_two_replicas(Backend::Sqlite, |first, both| {
        let delegate = first.delegate();
        let token = first.machine_token(&delegate, "");
        both.are_alive(&delegate, &token);
        let path = first.policies().join("clients/suite_delegate.yaml");
        let text = std::fs::read_to_string(&path).expect("the document");
        policies::write(&path, text.replace("api::form.form.*", scope::FIND_ONE));
        eventually("the scope is gone on both", BOUND, || both.seen(&delegate, &token) == WEAKER);
        assert_eq!(first.introspect(&delegate, &token).scopes(), [scope::FIND_ONE]);
        for server in both.servers {
            assert_eq!(
                super::decides(server, &both.asker, &token, "findOne"),
                Some(true),
                "what is left is left"
            );
        }
        let ceiling = first.policies().join("global.yaml");
        let text = std::fs::read_to_string(&ceiling).expect("the document");
        policies::write(&ceiling, text.replace(&format!("  - {}\n", scope::FIND_ONE), ""));
        eventually("nothing is left", BOUND, || both.seen(&delegate, &token) == DEAD);
    });
}

/// A user's role that loses an action: what a user may do without a token follows as well, on both.
#[test]
fn a_role_that_loses_an_action() {
    on_two_replicas(Backend::Sqlite, |first, both| {
        let editor = first.editor();
        let id = editor.id(first);
        let question = json!({ "subject": { "type": "user", "id": id }, "action": { "name": "find" },
            "resource": { "type": "api::form.form", "id": "7" } });
        let decisions = || {
            both.servers.map(|server| {
                let secret = both.asker.secret.as_deref().expect("a secret");
                let ask = crate::harness::Http::post(server.url("/access/v1/evaluation"));
                ask.basic(&both.asker.id, secret).json(&question).send().ok().json()["decision"] == true
            })
        };
        for _ in 0..2 {
            assert_eq!(decisions(), [true, true]);
        }
        let role = first.policies().join("roles/suite_editor.yaml");
        let text = std::fs::read_to_string(&role).expect("the document");
        policies::write(&role, text.replace("api::form.form.*", scope::CREATE));
        eventually("the role's action is gone on both", BOUND, || decisions() == [false, false]);
        policies::write(&role, text);
        eventually("and back", BOUND, || decisions() == [true, true]);
        first.block_user(&editor);
        eventually("a blocked user may do nothing on both", BOUND, || decisions() == [false, false]);
    });
}

/// Forward-auth and AuthZEN share what they remember; what a policy reads of a question is never remembered.
#[test]
fn one_memory_for_both() {
    let server = Server::start(protecting());
    let token = server.machine_token(&server.jwt_client(&[scope::FIND]), "");
    let asker = super::asker(&server);
    let decided = || -> f64 {
        let text = server.get("/metrics").text();
        let of_action = format!("grantwood_policy_decisions_total{{action=\"{}\"", scope::FIND);
        let lines = text.lines().filter(|line| line.starts_with(&of_action));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    let ask = |id: &str| {
        let mut body = super::about(&token, "find");
        body["resource"]["id"] = json!(id);
        let secret = asker.secret.as_deref().expect("a secret");
        let reply = crate::harness::Http::post(server.url("/access/v1/evaluation"))
            .basic(&asker.id, secret)
            .json(&body);
        reply.send().ok().json()["decision"] == true
    };
    let proxy = || Proxy::Nginx.asks(&server, "GET", "/api/forms").bearer(&token).send().status;
    assert_eq!(proxy(), 200);
    // A poll that is late on a busy machine makes an answer anew.
    eventually("nothing is decided anew", 5 * BOUND, || {
        let before = decided();
        (0..5).all(|number| ask(&number.to_string()) && proxy() == 200) && decided() == before
    });
    let rule = format!(
        "@id(\"not-8\") forbid (principal, action == Action::\"{}\", resource)\n\
         when {{ context has resource && context.resource.id == \"8\" }};\n",
        scope::FIND
    );
    policies::write(&server.policies().join("rules/not-8.cedar"), rule);
    eventually("the rule is in force", BOUND, || !ask("8"));
    for _ in 0..3 {
        assert!(ask("7") && !ask("8") && proxy() == 200, "an answer about one is none about another");
    }
    let before = decided();
    assert!(ask("7") && ask("7"));
    assert!(decided() >= before + 2.0, "what is stated is decided each time");
}

/// I9, RFC 9701: a signed answer names its reader, and is no access token.
#[test]
fn i09_signed_introspection() {
    let server = Server::start(Options::default());
    let client = server.confidential_client(&[]);
    let token = server.user_token(&client, &[scope::FIND]);
    let ask = |token: &str, accept: &str| {
        crate::harness::Http::post(server.endpoint("introspection_endpoint"))
            .basic(&client.id, client.secret.as_deref().expect("a secret"))
            .header("Accept", accept)
            .form(&[("token", token)])
            .send()
            .ok()
    };
    let signed = ask(&token, "application/json;q=0.5, application/token-introspection+jwt");
    assert_eq!(signed.header("content-type"), Some("application/token-introspection+jwt"), "{signed:?}");
    let text = signed.text();
    let (header, claims) = (crate::harness::jwt::header(&text), crate::harness::jwt::claims(&text));
    assert_eq!(header["typ"], "token-introspection+jwt");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(server.issuer()), &json!(client.id)));
    assert!(claims["sub"].is_null() && claims["exp"].is_null(), "{claims}");
    let plain = ask(&token, "*/*").json();
    assert_eq!(claims["token_introspection"], plain);
    super::revoked::is_signed_by(&server, &text);
    let dead = crate::harness::jwt::claims(&ask("x", "application/token-introspection+jwt").text());
    assert_eq!(dead["token_introspection"], json!({ "active": false }));
    assert!(!server.is_active(&client, &text), "K: it does not pass as a token");
    assert_eq!(server.metadata()["introspection_signing_alg_values_supported"], json!(["RS256"]));
}
