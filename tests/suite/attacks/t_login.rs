//! Section T: sign-in, sessions, forms. (Consent, T10 and T11, is in b_pages.rs; account pages are in people/account.rs.)

use std::time::Duration;

use serde_json::json;

use crate::harness::browser::{Browser, field, hidden};
use crate::harness::client::Reply;
use crate::harness::{Backend, Http, Options, User, backend, unique};

fn wrong(browser: &Browser<'_>, identifier: &str) -> Reply {
    let page = browser.get("/login");
    browser.submit(&page, "/login", &[("identifier", identifier), ("password", "not the password")])
}

on_both! {
    /// T1: a new session at each sign-in, and never one that the browser brought.
    fn t01_sessions_are_new(server: &Server) {
        let user = server.reader();
        let browser = Browser::new(server);
        let name = "grantwood_session";
        let chosen = format!("gwb_{}", "A".repeat(43));
        browser.set_cookie(name, &chosen);
        assert_eq!(browser.sign_in(&user).status, 303);
        let first = browser.session().expect("a session");
        assert_ne!(first, chosen);
        // Signing in again, in the same browser: another session, and the former one is over.
        let thief = Browser::new(server);
        thief.set_cookie(name, &first);
        assert_eq!(thief.get("/login").status, 303, "the session works");
        let page = Browser::new(server).get("/login");
        let pre = page.header("set-cookie").expect("a cookie before anybody signs in").to_owned();
        let (pre_name, value) = pre.split_once('=').expect("a cookie");
        browser.set_cookie(pre_name, value.split(';').next().unwrap_or_default());
        assert_eq!(browser.sign_in_at(&page, &user).status, 303);
        let second = browser.session().expect("a session");
        assert_ne!(first, second);
        assert_eq!(thief.get("/login").status, 200, "the former session is over");
        // Signing out ends it on the server, not in the browser alone.
        let thief = Browser::new(server);
        thief.set_cookie(name, &second);
        let page = browser.get("/account");
        assert_eq!(browser.submit(&page, "/logout", &[]).status, 303);
        assert!(browser.session().is_none());
        assert_eq!(thief.get("/login").status, 200);
    }

    /// T2: forms without the token, with another's, from other sites, or by GET change nothing.
    fn t02_forms_are_the_browsers_own(server: &Server) {
        let user = server.reader();
        let browser = Browser::new(server);
        let page = browser.get("/login");
        let (own, others) = (field(&page, "csrf"), field(&Browser::new(server).get("/login"), "csrf"));
        assert_ne!(own, others);
        let credentials = [("identifier", user.username.as_str()), ("password", user.password.as_str())];
        let with = |token: Option<&str>| {
            let mut pairs = credentials.to_vec();
            pairs.extend(token.map(|token| ("csrf", token)));
            pairs.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>()
        };
        for token in [None, Some(""), Some("x"), Some(others.as_str())] {
            let pairs = with(token);
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let reply = browser.post("/login", &pairs);
            assert_eq!(reply.status, 403, "{token:?}: {reply:?}");
            assert!(browser.session().is_none() && reply.header("set-cookie").is_none());
        }
        let pairs = [("csrf", own.as_str()), credentials[0], credentials[1]];
        for (name, value) in [
            ("Origin", "https://evil.test"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
        ] {
            let reply = browser.post_with("/login", &pairs, name, value);
            assert_eq!(reply.status, 403, "{name}: {value}: {reply:?}");
            assert!(browser.session().is_none());
        }
        // A browser without the cookie has no form.
        let reply = Browser::new(server).post("/login", &pairs);
        assert_eq!(reply.status, 403, "{reply:?}");
        // The same, as the page itself sends it.
        assert_eq!(browser.post_with("/login", &pairs, "Sec-Fetch-Site", "same-origin").status, 303);
        // Signing out: by nobody else, and not by GET.
        assert_eq!(browser.get("/logout").status, 405);
        for token in [others.as_str(), own.as_str(), ""] {
            assert_eq!(browser.post("/logout", &[("csrf", token)]).status, 403);
        }
        assert_eq!(browser.get("/login").status, 303, "still signed in");
    }

    /// T3, D23: cookies are HTTP-only, host-only, lax; on a loopback issuer without `Secure`.
    fn t03_cookies(server: &Server) {
        let user = server.reader();
        let browser = Browser::new(server);
        let page = browser.get("/login");
        let signed_in = browser.sign_in_at(&page, &user);
        for reply in [&page, &signed_in] {
            let line = reply.header("set-cookie").expect("a cookie");
            for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(line.contains(part), "{part}: {line}");
            }
            assert!(!line.contains("Domain") && !line.contains("Secure"), "{line}");
        }
    }

    /// T4, B8: no page is framed, loads from elsewhere or runs scripts that stand in it; none has an opener policy.
    fn t04_headers_of_pages(server: &Server) {
        let user = server.reader();
        let browser = Browser::of(server, &user);
        for reply in [Browser::new(server).get("/login"), browser.open("/account"), browser.get("/consent?request=x")] {
            let policy = reply.header("content-security-policy").expect("a policy");
            for part in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
                assert!(policy.contains(part), "{part}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(reply.header("x-frame-options"), Some("DENY"));
            assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
            assert_eq!(reply.header("cache-control"), Some("no-store"));
            assert!(reply.header("cross-origin-opener-policy").is_none());
            let text = reply.text();
            assert!(!text.contains("<script>") && !text.contains(" style=") && !text.contains("onclick"), "{text}");
            for link in ["src=\"http", "href=\"http", "src=\"//", "href=\"//"] {
                assert!(!text.contains(link), "{link}: {text}");
            }
        }
    }

    /// T5: nothing tells which accounts there are.
    fn t05_no_enumeration(server: &Server) {
        let (user, blocked) = (server.reader(), server.reader());
        server.block_user(&blocked);
        let answer = |name: &str, password: &str| {
            let reply = Http::post(server.url("/auth/local"))
                .json(&json!({ "identifier": name, "password": password }))
                .send();
            let headers: Vec<String> = reply
                .headers
                .iter()
                .filter(|(name, _)| name != "x-request-id" && name != "date")
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            (reply.status, headers, reply.text())
        };
        let known = answer(&user.username, "wrong password");
        assert_eq!(known.0, 401);
        assert_eq!(known, answer(&unique("nobody"), "wrong password"));
        assert_eq!(known, answer(&blocked.username, &blocked.password), "blocked, right password");
        let page = |name: &str| {
            let browser = Browser::new(server);
            let reply = wrong(&browser, name);
            let csrf = hidden(&reply).into_iter().find(|(n, _)| n == "csrf").map(|(_, v)| v).unwrap_or_default();
            (reply.status, reply.text().replace(name, "NAME").replace(&csrf, "TOKEN"))
        };
        assert_eq!(page(&user.username), page(&unique("nobody")));
        assert_eq!(page(&user.username), page(&blocked.username));
    }

    /// T6: of a hundred tries at once, no more are looked at than the limit allows, whatever the spelling.
    fn t06_parallel_tries(server: &Server) {
        let user = server.reader();
        let email = format!("{}@suite.test", user.username);
        let upper = user.username.to_uppercase();
        let spaced = format!(" {} ", user.username);
        let names = [user.username.as_str(), email.as_str(), upper.as_str(), spaced.as_str()];
        // One address for all: the connections are this thread's own.
        let client = reqwest::blocking::Client::builder()
            .local_address(std::net::IpAddr::from([127, 77, server.pid() as u8, 9]))
            .build()
            .expect("a client");
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..100)
                .map(|n| {
                    let (client, name) = (client.clone(), names[n % names.len()]);
                    scope.spawn(move || {
                        let body = json!({ "identifier": name, "password": format!("guess number {n}") });
                        let reply = client.post(server.url("/auth/local")).json(&body).send().expect("an answer");
                        reply.status().as_u16()
                    })
                })
                .collect();
            tries.into_iter().map(|one| one.join().expect("no panic")).collect()
        });
        let looked_at = statuses.iter().filter(|status| **status == 401).count();
        let limited = statuses.iter().filter(|status| **status == 429).count();
        assert!((1..=8).contains(&looked_at), "{looked_at} passwords were looked at");
        assert_eq!(looked_at + limited, 100, "{statuses:?}");
        // T7: the account is open to everybody else, at once.
        assert_eq!(user.sign_in(server).status, 200);
    }

    /// T7: the page says when to come back, and from another address the user signs in.
    fn t07_nobody_is_locked_out(server: &Server) {
        let user = server.reader();
        let attacker = Browser::new(server);
        let mut last = wrong(&attacker, &user.username);
        for _ in 0..8 {
            last = wrong(&attacker, &user.username);
        }
        assert_eq!(last.status, 429, "{last:?}");
        assert!(last.header("retry-after").is_some() && last.text().contains("Too many attempts"), "{last:?}");
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(user.sign_in(server).status, 200)).join().expect("the user signs in");
        });
    }

    /// T8: too long is refused without a hash, and every byte counts.
    fn t08_passwords(server: &Server) {
        let long = "x".repeat(1_000_000);
        let started = std::time::Instant::now();
        let reply = Http::post(server.url("/auth/local"))
            .json(&json!({ "identifier": "admin", "password": long }))
            .send();
        assert!([400, 413].contains(&reply.status), "{reply:?}");
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        let (a, b) = (format!("{}a", "p".repeat(80)), format!("{}b", "p".repeat(80)));
        let name = unique("long");
        let create = json!({ "data": { "username": name, "email": format!("{name}@suite.test"), "password": a } });
        server.manage(reqwest::Method::POST, "users").json(&create).send().ok();
        assert_eq!(User::existing(&name, &b).sign_in(server).status, 401);
        assert_eq!(User::existing(&name, &a).sign_in(server).status, 200);
        for short in ["", "seven77"] {
            let create = json!({ "data": { "username": unique("s"), "email": "s@suite.test", "password": short } });
            assert_eq!(server.manage(reqwest::Method::POST, "users").json(&create).send().status, 400);
        }
    }
}

/// T3: over https the cookies carry `Secure` and the prefix that keeps other hosts from setting them.
#[test]
fn t03_cookies_over_https() {
    let options = Options { public_url: Some("https://auth.suite.test".to_owned()), ..Options::default() };
    backend::run_alone(Backend::Sqlite, options, |server| {
        let reply = Http::get(server.url("/login")).header("Host", "auth.suite.test").send();
        let line = reply.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {reply:?}"));
        assert!(line.starts_with("__Host-") && line.contains("; Secure"), "{line}");
        assert!(reply.header("strict-transport-security").is_some());
    });
}

/// T12: a session ends when it is not used, and after its time in any case.
#[test]
fn t12_sessions_end() {
    let idle = Options::default().env("GRANTWOOD_SESSIONS__IDLE", "2");
    backend::run_alone(Backend::Sqlite, idle, |server| {
        let browser = Browser::of(server, &server.reader());
        assert_eq!(browser.get("/account").status, 200);
        std::thread::sleep(Duration::from_millis(2_300));
        assert_eq!(browser.get("/account").status, 303, "idle for too long");
    });
    let absolute = Options::default().env("GRANTWOOD_SESSIONS__ABSOLUTE", "3");
    backend::run_alone(Backend::Sqlite, absolute, |server| {
        let browser = Browser::of(server, &server.reader());
        let started = std::time::Instant::now();
        while browser.get("/account").status == 200 {
            assert!(started.elapsed() < Duration::from_secs(6), "used all the time, and still good");
            std::thread::sleep(Duration::from_millis(200));
        }
        // What was shown is nowhere kept: going back asks the server.
        assert_eq!(browser.get("/account").status, 303);
    });
}
