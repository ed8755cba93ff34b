//! Races: what may happen once happens once, however many ask at the same moment (E3, E4, G9).

use std::sync::Barrier;

use crate::harness::client::Reply;
use crate::harness::{Authorization, Backend, Http, Options, Pkce, Server, backend, scope};

/// How many ask at once.
const STORM: usize = 50;

/// Sends the same request from many threads at one moment, in turn to each of the replicas.
fn storm(replicas: &[&Server], send: impl Fn(&Server) -> Reply + Sync) -> Vec<Reply> {
    let barrier = Barrier::new(STORM);
    std::thread::scope(|threads| {
        let running: Vec<_> = (0..STORM)
            .map(|number| {
                let (server, barrier, send) = (replicas[number % replicas.len()], &barrier, &send);
                threads.spawn(move || {
                    // A warm connection, so that the requests and not the handshakes meet.
                    Http::get(server.url("/healthz")).send();
                    barrier.wait();
                    send(server)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    })
}

/// Exactly one success; every other answer a proper refusal.
#[track_caller]
fn exactly_one(replies: &[Reply]) -> String {
    let winners: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        crate::harness::check::is_oauth_error(reply, 400, &["invalid_grant"]);
    }
    assert_eq!(winners.len(), 1, "{} successes of {}", winners.len(), replies.len());
    winners[0].access_token()
}

/// One code, redeemed by all at once: one success, and by E1 not even that one lasts.
pub fn code_storm(replicas: &[&Server]) {
    let server = replicas[0];
    let client = server.public_client(&[]);
    let pkce = Pkce::s256();
    let code = Authorization::of(&client).scopes(&[scope::FIND]).pkce(&pkce).code(server, server.admin());
    let token = exactly_one(&storm(replicas, |server| server.redeem(&client, &code, &pkce)));
    // E1, D18: the replays took it back.
    let observer = server.confidential_client(&[]);
    assert!(!server.is_active(&observer, &token));
}

fn assertion_storm(replicas: &[&Server]) {
    let server = replicas[0];
    let client = server.jwt_client(&[]);
    let assertion = client.assertion(server).sign();
    let token = exactly_one(&storm(replicas, |server| server.present(&assertion)));
    assert!(server.is_active(&client, &token), "the winner's token works");
}

on_both! {
    /// E3, D18: one code, fifty redemptions, one success.
    fn e03_one_code_fifty_times(server: &Server) {
        code_storm(&[server]);
    }

    /// G9: one assertion, fifty presentations, one success.
    fn g09_one_assertion_fifty_times(server: &Server) {
        assertion_storm(&[server]);
    }

    /// E4: after the race the client is disabled: nothing of it lives.
    fn e04_a_race_and_then_the_client_is_disabled(server: &Server) {
        let (client, observer) = (server.jwt_client(&[]), server.confidential_client(&[]));
        let assertion = client.assertion(server).sign();
        let token = exactly_one(&storm(&[server], |server| server.present(&assertion)));
        server.update_client(&client, &serde_json::json!({ "active": false })).ok();
        assert!(!server.is_active(&observer, &token));
    }
}

/// E3, G9: the same across two replicas on one PostgreSQL, and revocation is seen on both (I8).
#[test]
fn two_replicas_on_postgresql() {
    backend::run_alone(Backend::Postgres, Options::default(), |one| {
        let two = one.replica();
        let replicas = [one, &two];
        let client = one.jwt_client(&[]);
        crate::harness::eventually("the replica knows the client", crate::harness::BOUND, || {
            two.present(&client.assertion(one).sign()).status == 200
        });
        assertion_storm_of(&replicas, &client);
        code_storm(&replicas);
        let token = one.machine_token(&client, scope::FIND);
        assert!(two.is_active(&client, &token));
        two.revoke(&client, &token).ok();
        assert!(!one.is_active(&client, &token), "revocation is read from the database");
    });
}

/// T6: two replicas on one PostgreSQL count failed sign-ins together; T7: and still lock nobody else out.
#[test]
fn t06_two_replicas_count_together() {
    backend::run_alone(Backend::Postgres, Options::default(), |one| {
        let two = one.replica();
        let user = one.reader();
        // One address for all of them, and not that of the user.
        let attacker = reqwest::blocking::Client::builder()
            .local_address(std::net::IpAddr::from([127, 78, one.pid() as u8, 9]))
            .build()
            .expect("a client");
        let guess = |server: &Server, number: usize| {
            let guess = format!("guess number {number}");
            let body = serde_json::json!({ "identifier": user.username, "password": guess });
            attacker.post(server.url("/auth/local")).json(&body).send().expect("an answer").status().as_u16()
        };
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let guess = &guess;
            let two = &two;
            let tries: Vec<_> =
                (0..40).map(|n| scope.spawn(move || guess(if n % 2 == 0 { one } else { two }, n))).collect();
            tries.into_iter().map(|one| one.join().expect("no panic")).collect()
        });
        let looked_at = statuses.iter().filter(|status| **status == 401).count();
        assert_eq!(looked_at, 8, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 32, "{statuses:?}");
        assert_eq!((guess(one, 41), guess(&two, 42)), (429, 429));
        assert_eq!((user.sign_in(one).status, user.sign_in(&two).status), (200, 200));
    });
}

fn assertion_storm_of(replicas: &[&Server], client: &crate::harness::Client) {
    let assertion = client.assertion(replicas[0]).sign();
    exactly_one(&storm(replicas, |server| server.present(&assertion)));
    let other = client.assertion(replicas[0]).sign();
    replicas[0].present(&other).access_token();
    assert_eq!(replicas[1].present(&other).error(), "invalid_grant", "refused on the other replica too");
}
