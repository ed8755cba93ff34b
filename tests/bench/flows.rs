//! The authorization code flow as a browser and its client walk it, and introspection beside a storm of sign-ins.

use std::time::Duration;

use serde_json::json;

use crate::limits::Bound;
use crate::load::{Outcome, Plan, Shot, Visitor, journeys, run};
use crate::measure::{hello, in_turns, per_turn};
use crate::process::Process;
use crate::report::Report;
use crate::setup::{Bench, Site, access_token};

const REDIRECT: &str = "https://app.bench.test/callback";
/// The pair of RFC 7636, Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A public client, and a browser that is signed in.
#[derive(Clone)]
struct Walk {
    client: String,
    cookie: String,
}

impl Walk {
    fn new(site: &Site) -> Self {
        let made = site.create(&json!({
            "name": "Bench app", "clientType": "PUBLIC", "redirectUris": [REDIRECT],
            "scopes": ["api::form.form.find", "api::form.form.findOne"],
        }));
        let client = made["clientId"].as_str().expect("a client ID").to_owned();
        Self { client, cookie: site.sign_in() }
    }

    fn authorize(&self, prompt: &str) -> Shot {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", &self.client),
                ("redirect_uri", REDIRECT),
            ])
            .extend_pairs([
                ("scope", "api::form.form.find"),
                ("state", "bench"),
                ("code_challenge", CHALLENGE),
            ])
            .extend_pairs([("code_challenge_method", "S256"), ("prompt", prompt)])
            .finish();
        let query = query.trim_end_matches("&prompt=").to_owned();
        Shot::get(&format!("/oauth2/authorize?{query}")).header("cookie", &self.cookie)
    }

    /// The rest from where the client has its redirect: the code for a token.
    async fn redeem(&self, visitor: &mut Visitor, location: &str) -> bool {
        let code = location.strip_prefix(REDIRECT).and_then(|rest| rest.split("code=").nth(1));
        let Some(code) = code.and_then(|rest| rest.split(['&', '#']).next()) else { return false };
        let pairs = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.client),
            ("redirect_uri", REDIRECT),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        visitor.ask(&Shot::post("/oauth2/token", &pairs)).await.is_some_and(|answer| answer.status == 200)
    }

    /// What remains where the user has agreed before: authorize, token.
    async fn remembered(&self, visitor: &mut Visitor) -> bool {
        let Some(answer) = visitor.ask(&self.authorize("")).await else { return false };
        match answer.location {
            Some(location) if answer.status == 303 => self.redeem(visitor, &location).await,
            _ => false,
        }
    }

    /// All of it but the password: authorize, the consent page, Allow, token.
    async fn full(&self, visitor: &mut Visitor) -> bool {
        self.consent(visitor).await.unwrap_or(false)
    }

    async fn consent(&self, visitor: &mut Visitor) -> Option<bool> {
        let begun = visitor.ask(&self.authorize("consent")).await?;
        let place = begun.location.filter(|place| place.starts_with("/consent?request="))?;
        let cookies = format!("{}; {}", self.cookie, begun.cookie?);
        let page = visitor.ask(&Shot::get(&place).header("cookie", &cookies)).await?;
        let page = String::from_utf8(page.body.to_vec()).ok()?;
        let csrf = page.split("name=\"csrf\" value=\"").nth(1)?.split('"').next()?;
        let request = place.strip_prefix("/consent?request=")?;
        let pairs =
            [("csrf", csrf), ("request", request), ("scope", "api::form.form.find"), ("decision", "approve")];
        let allowed = visitor.ask(&Shot::post("/consent", &pairs).header("cookie", &cookies)).await?;
        Some(self.redeem(visitor, &allowed.location?).await)
    }
}

/// Flows per CPU-second with remembered consent, both algorithms, and with the consent page.
pub fn flows(bench: &Bench, report: &mut Report) {
    for alg in ["RS256", "ES256"] {
        let site = Site::new(alg);
        let process = site.start();
        let walk = Walk::new(&site);
        let (mut bound, mut floor) = (Bound::default(), Outcome::default());
        let mut beside = |alg: &str| match alg {
            "RS256" => bound.measure(bench.connections),
            _ => floor = std::mem::take(&mut floor).and(hello(bench, 1)),
        };
        let full = in_turns(&process, |_| walked(&process, &walk, bench, Walk::full), || beside(alg));
        let remembered =
            in_turns(&process, |_| walked(&process, &walk, bench, Walk::remembered), || beside(alg));
        assert!(full.done > 0 && remembered.done > 0, "no flow came to its end:\n{}", site.log());
        report.row(&format!("code + PKCE with remembered consent, {alg}"), &remembered);
        report.row(&format!("code + PKCE with the consent page, {alg}"), &full);
        if alg == "RS256" {
            bound.tell(report);
            let ratio = Some(remembered.per_cpu_second() / bound.per_cpu_second());
            report.at_least("code + PKCE RS256, of the bound (e)", ratio, 0.6);
        } else {
            report.row("(a) floor beside the code flow", &floor);
            // 1,800 and 800 flows where the floor carries 190,000.
            let of_floor = |outcome: &Outcome| Some(outcome.per_cpu_second() / floor.per_cpu_second());
            let (remembered, full) = (of_floor(&remembered), of_floor(&full));
            report.at_least("code + PKCE ES256, of the floor", remembered, 0.0095);
            report.at_least("code + PKCE with the consent page, ES256, of the floor", full, 0.0042);
        }
    }
}

/// The flows of one turn.
fn walked<F>(process: &Process, walk: &Walk, bench: &Bench, step: F) -> Outcome
where
    F: AsyncFn(&Walk, &mut Visitor) -> bool + 'static,
{
    let walk = walk.clone();
    journeys(process, per_turn(bench.assertions / 2), bench.connections, async move |visitor| {
        step(&walk, visitor).await
    })
}

/// The p99 of introspection while strangers try passwords, as a multiple of its p99 when nobody does.
pub fn storm(bench: &Bench, report: &mut Report) {
    let site = Site::new("RS256");
    site.configure("server:\n  trusted_proxies: [127.0.0.1]\n");
    let process = site.start();
    let client = site.client();
    let issued = run(&process, Plan::Each(site.grants(&client.id, 1)), 1, true);
    let token = access_token(&issued.bodies[0]);
    let length = Duration::from_secs(bench.seconds);
    let introspect = || Plan::Repeat(site.introspection(&client, &token), length);
    let idle = run(&process, introspect(), 4, false);
    // Every attempt from an address and for an account of its own, so that no limit answers in place of a hash.
    let attempts: Vec<Shot> = (0..20_000_u32)
        .map(|number| {
            let body = json!({ "identifier": format!("nobody-{number}"), "password": "a wrong password" });
            let address = std::net::Ipv4Addr::from(0x0A00_0000 + number * 256);
            Shot::json("/auth/local", &body).header("x-forwarded-for", &address.to_string())
        })
        .collect();
    let (storm, stormed) = std::thread::scope(|threads| {
        let attempts = threads.spawn(|| stop_after(&process, attempts, length + Duration::from_secs(1)));
        std::thread::sleep(Duration::from_millis(500));
        let storm = run(&process, introspect(), 4, false);
        (storm, attempts.join().expect("the storm ends"))
    });
    report.row("introspection, 4 connections, nobody signs in", &idle);
    report.row("introspection, 4 connections, beside a storm of sign-ins", &storm);
    report.figure(
        "attempts of the storm, per second",
        &format!("{:.0}", stormed.failed as f64 / stormed.seconds),
    );
    let ratio = storm.percentile(99.0) / idle.percentile(99.0);
    report.at_most("introspection p99 beside a storm of sign-ins, of idle", Some(ratio), 2.0);
}

/// Attempts until the time is up: each is refused, so each counts as failed.
fn stop_after(process: &Process, attempts: Vec<Shot>, length: Duration) -> Outcome {
    let until = std::time::Instant::now() + length;
    let (count, next) = (attempts.len(), std::cell::Cell::new(0));
    journeys(process, count, 16, async move |visitor| {
        if std::time::Instant::now() < until {
            let shot = &attempts[next.replace(next.get() + 1)];
            visitor.ask(shot).await.is_some_and(|answer| answer.status == 200)
        } else {
            true
        }
    })
}
