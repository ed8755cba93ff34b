//! Faults, on every path that answers about a token or a question: a database that is gone, a policy that fails, a
//! disk that is full. What cannot be decided is no, never a 2xx that says yes and never an identity header.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Proxy, is_refused, passes, protecting};
use crate::harness::client::Reply;
use crate::harness::{BOUND, Backend, Client, Http, Options, Server, eventually, policies, scope};

/// A server with a machine's token, and everybody who asks about it.
struct Site {
    server: Server,
    client: Client,
    token: String,
    asker: Client,
}

impl Site {
    fn new(options: Options) -> Self {
        let server = Server::start(options);
        // It authenticates by a secret: an assertion would have to be written down.
        let client = server.confidential_client(&[scope::FIND, scope::FIND_ONE]);
        let token = server.machine_token(&client, "");
        let asker = super::asker(&server);
        Self { server, client, token, asker }
    }

    /// A forward-auth question of each proxy.
    fn proxies(&self, target: &str) -> Vec<Reply> {
        let ask = |proxy: Proxy| proxy.asks(&self.server, "GET", target).bearer(&self.token).send();
        Proxy::ALL.into_iter().map(ask).collect()
    }

    /// One evaluation, the same in a batch, and a search, about the token.
    fn decisions(&self, action: &str) -> Vec<Reply> {
        let one = super::about(&self.token, action);
        let mut many = one.clone();
        many["evaluations"] = json!([{}, {}]);
        let mut search = one.clone();
        search["subject"] = json!({ "type": "client" });
        let asked = [("evaluation", one), ("evaluations", many), ("search/subject", search)];
        asked.map(|(path, body)| self.ask(path, &body)).into()
    }

    fn ask(&self, path: &str, body: &Value) -> Reply {
        let secret = self.asker.secret.as_deref().expect("a secret");
        Http::post(self.server.url(&format!("/access/v1/{path}")))
            .basic(&self.asker.id, secret)
            .json(body)
            .send()
    }

    fn introspection(&self) -> Reply {
        self.server.introspect(&self.client, &self.token)
    }

    /// Every path answers 503, and says nothing about anybody.
    #[track_caller]
    fn is_shut(&self) {
        for reply in self.proxies("/api/forms") {
            is_refused(&reply, &[503]);
        }
        for reply in self.decisions("find").into_iter().chain([self.introspection()]) {
            is_refused(&reply, &[503]);
            assert!(!reply.text().contains("true"), "{reply:?}");
        }
    }

    /// Every path answers, and says yes.
    #[track_caller]
    fn is_open(&self) {
        for reply in self.proxies("/api/forms") {
            passes(&reply);
        }
        for reply in self.decisions("find") {
            let text = reply.ok().text();
            assert!(text.contains("\"decision\":true") || text.contains(&self.client.id), "{text}");
        }
        assert_eq!(self.introspection().ok().json()["active"], true);
    }
}

/// BB1, Z1: without its database the server says 503 on every path, once what it remembers is too old to be true.
#[test]
fn bb01_a_stopped_database() {
    let Some(cluster) = crate::harness::postgres::Cluster::shared() else { return };
    let (cable, url) = crate::harness::proxy::Cable::to(&cluster.database(&crate::harness::unique("fa")));
    let site = Site::new(Options { database: Some(url), ..protecting() }.on(Backend::Postgres));
    site.is_open();
    cable.cut();
    eventually("nothing is remembered without the database", BOUND, || {
        let status = |reply: Reply| reply.status == 503;
        site.proxies("/api/forms").into_iter().all(status)
    });
    site.is_shut();
    // What needs no database still answers, and nobody without a token passes meanwhile.
    is_refused(&Proxy::Caddy.asks(&site.server, "GET", "/api/forms").send(), &[401]);
    assert_eq!(site.server.get("/.well-known/jwks.json").status, 200);
    cable.mend();
    eventually("it works again", Duration::from_secs(10), || {
        site.proxies("/api/forms").iter().all(|reply| reply.status == 200)
    });
    site.is_open();
}

/// BB2, Y1: a policy that fails is a no: 503 to a proxy, `false` to who asks, and a scope less in introspection.
#[test]
fn bb02_a_policy_that_fails() {
    let site = Site::new(protecting());
    site.is_open();
    let overflow = "when { 9223372036854775807 + 1 > 0 };\n";
    let rule = format!(
        "@id(\"breaks\") forbid (principal, action == Action::\"{}\", resource)\n{overflow}",
        scope::FIND
    );
    policies::write(&site.server.policies().join("rules/breaks.cedar"), rule);
    eventually("the rule is in force", BOUND, || site.proxies("/api/forms").iter().all(|r| r.status == 503));
    for reply in site.proxies("/api/forms") {
        is_refused(&reply, &[503]);
    }
    for reply in site.decisions("find") {
        let text = reply.ok().text();
        assert!(!text.contains("true") && !text.contains(&site.client.id), "{text}");
    }
    // What the rule does not speak of goes on.
    for reply in site.proxies("/api/forms/7") {
        passes(&reply);
    }
    for reply in site.decisions("findOne") {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let rule = format!(
        "@id(\"breaks\") forbid (principal, action in Action::\"grant\", resource == Scope::\"{}\")\n{overflow}",
        scope::FIND
    );
    policies::write(&site.server.policies().join("rules/breaks.cedar"), rule);
    eventually("introspection has lost the scope", BOUND, || {
        site.introspection().scopes() == [scope::FIND_ONE]
    });
    for reply in site.proxies("/api/forms") {
        is_refused(&reply, &[403]);
    }
    std::fs::remove_file(site.server.policies().join("rules/breaks.cedar")).expect("removed");
    eventually("all is well again", BOUND, || site.proxies("/api/forms").iter().all(|r| r.status == 200));
    site.is_open();
}

/// BB1: the disk takes nothing more: writes are refused with 503, decisions go on; with `audit.required` they
/// stop as well.
#[test]
fn bb01_a_full_disk() {
    for required in [false, true] {
        let options = match required {
            true => protecting().env("GRANTWOOD_AUDIT__REQUIRED", "true"),
            false => protecting(),
        };
        let site = Site::new(options);
        site.is_open();
        site.server.limit_file_size(Some(4_096));
        let reply = site.server.present(&site.client.assertion(&site.server).sign());
        assert_eq!(reply.status, 503, "{reply:?}");
        assert_eq!(site.server.revoke(&site.client, &site.token).status, 503);
        if required {
            eventually("decisions stop", Duration::from_secs(6), || {
                site.proxies("/api/forms").iter().all(|reply| reply.status == 503)
            });
            site.is_shut();
        } else {
            for _ in 0..3 {
                site.is_open();
                std::thread::sleep(Duration::from_millis(900));
            }
        }
        site.server.limit_file_size(None);
        eventually("it works again", Duration::from_secs(10), || {
            site.proxies("/api/forms").iter().all(|reply| reply.status == 200)
                && site.server.present(&site.client.assertion(&site.server).sign()).status == 200
        });
        site.is_open();
    }
}
