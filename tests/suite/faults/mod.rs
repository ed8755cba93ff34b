//! Faults: the process is killed, the database stops or fails over, nobody reads the log, callers hang up.
//!
//! What counts is what was acknowledged: a [`Ledger`] keeps it, and looks at it again through the API afterwards. A
//! request whose connection broke may have happened or not.

mod callers;
mod crash;
mod database;
mod first_start;
mod log;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::harness::fixtures::REDIRECT;
use crate::harness::{Authorization, Client, Http, JWT_BEARER, Pkce, Server, scope, unique};

/// How many ask at once.
const WORKERS: usize = 4;

/// What the server said that it had done.
#[derive(Default)]
struct Ledger {
    /// Tokens, which live.
    issued: Mutex<Vec<String>>,
    /// Tokens that were revoked.
    revoked: Mutex<Vec<String>>,
    /// Codes that were redeemed.
    redeemed: Mutex<Vec<(String, String)>>,
    /// Clients that were made, by document id.
    clients: Mutex<Vec<String>>,
    /// Answers that are neither success nor 503.
    odd: Mutex<Vec<String>>,
    stop: AtomicBool,
}

fn push<T>(list: &Mutex<Vec<T>>, one: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

fn taken<T: Clone>(list: &Mutex<Vec<T>>) -> Vec<T> {
    list.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Who works: a service by assertions, a web application by codes.
struct Cast {
    service: Client,
    web: Client,
    admin: String,
}

impl Cast {
    fn of(server: &Server) -> Self {
        let admin = server.admin().jwt(server).to_owned();
        // The endpoints are read once, while the server is well.
        server.metadata();
        Self { service: server.jwt_client(&[]), web: server.confidential_client(&[]), admin }
    }
}

impl Ledger {
    /// Works until told to stop, and notes what was acknowledged.
    fn work(&self, server: &Server, cast: &Cast) {
        std::thread::scope(|threads| {
            for worker in 0..WORKERS {
                threads.spawn(move || {
                    let mut turn = worker;
                    while !self.stop.load(Ordering::Acquire) {
                        // Nothing is a broken connection, or a 503: neither was acknowledged.
                        let _acknowledged = match turn % 4 {
                            0 => self.make_client(server, cast),
                            1 => self.redeem(server, cast),
                            _ => self.issue(server, cast, turn % 4 == 3),
                        };
                        turn += 1;
                        // Stories that measure time run beside this one.
                        std::thread::sleep(std::time::Duration::from_millis(15));
                    }
                });
            }
        });
    }

    /// Sends it; the answer if it is a success.
    fn acknowledged(&self, request: Http) -> Option<crate::harness::client::Reply> {
        let reply = request.try_send()?;
        match reply.status {
            200..300 => return Some(reply),
            503 => assert!(reply.header("retry-after").is_some(), "{reply:?}"),
            _ => push(&self.odd, format!("{reply:?}")),
        }
        // A database that is away answers at once; nobody needs to hear it a thousand times.
        std::thread::sleep(std::time::Duration::from_millis(20));
        None
    }

    fn issue(&self, server: &Server, cast: &Cast, revoke: bool) -> Option<()> {
        let assertion = cast.service.assertion(server).sign();
        let pairs = [("grant_type", JWT_BEARER), ("assertion", assertion.as_str()), ("scope", scope::FIND)];
        let endpoint = server.endpoint("token_endpoint");
        let token = self.acknowledged(Http::post(endpoint).form(&pairs))?.access_token();
        if !revoke {
            push(&self.issued, token);
            return Some(());
        }
        let credentials = cast.service.credentials(server);
        let mut pairs = vec![("token", token.as_str())];
        pairs.extend(credentials.iter().map(|(name, value)| (*name, value.as_str())));
        self.acknowledged(Http::post(server.endpoint("revocation_endpoint")).form(&pairs))?;
        push(&self.revoked, token);
        Some(())
    }

    fn redeem(&self, server: &Server, cast: &Cast) -> Option<()> {
        let pkce = Pkce::s256();
        let asked = Authorization::of(&cast.web).scopes(&[scope::FIND]).pkce(&pkce);
        let consent = Http::post(server.mounted("oauth-authorization-codes/authorize"));
        let answer = self.acknowledged(consent.bearer(&cast.admin).json(asked.body()))?;
        let code = crate::harness::flow::Redirect::parse(&answer.member("redirectUri")).get("code")?;
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", pkce.verifier.as_str()),
        ];
        let secret = cast.web.secret.as_deref().expect("a secret");
        let request = Http::post(server.endpoint("token_endpoint")).form(&pairs).basic(&cast.web.id, secret);
        self.acknowledged(request)?;
        push(&self.redeemed, (code, pkce.verifier));
        Some(())
    }

    fn make_client(&self, server: &Server, cast: &Cast) -> Option<()> {
        let document = json!({ "data": {
            "name": unique("Kept "), "clientType": "PUBLIC", "scopes": [scope::FIND], "redirectUris": [REDIRECT],
        }});
        let request = Http::post(server.mounted("clients")).bearer(&cast.admin).json(&document);
        let made = self.acknowledged(request)?;
        push(&self.clients, made.json()["data"]["documentId"].as_str().expect("an id").to_owned());
        Some(())
    }

    /// Everything that was acknowledged is still so; and there was something.
    fn holds(&self, server: &Server, cast: &Cast) {
        assert_eq!(taken(&self.odd), [""; 0], "answers that are neither success nor 503");
        let (issued, revoked) = (taken(&self.issued), taken(&self.revoked));
        let (redeemed, clients) = (taken(&self.redeemed), taken(&self.clients));
        for (what, count) in [
            ("tokens", issued.len()),
            ("revocations", revoked.len()),
            ("codes", redeemed.len()),
            ("clients", clients.len()),
        ] {
            assert!(count > 0, "no {what} were acknowledged, so nothing was tried");
        }
        for token in &issued {
            assert!(server.is_active(&cast.service, token), "an acknowledged token is lost");
        }
        for token in &revoked {
            assert!(!server.is_active(&cast.service, token), "a revoked token lives again");
        }
        for id in &clients {
            let reply = Http::get(server.mounted(&format!("clients/{id}"))).bearer(&cast.admin).send();
            assert_eq!(reply.status, 200, "an acknowledged client is lost: {reply:?}");
        }
        for (code, verifier) in redeemed.iter().take(20) {
            let reply = server.redeem_with(&cast.web, code, &[("code_verifier", verifier)]);
            assert_eq!((reply.status, reply.error().as_str()), (400, "invalid_grant"), "a code worked twice");
        }
    }
}
