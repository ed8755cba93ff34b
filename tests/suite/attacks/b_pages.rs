//! Section B, T10 and T11: sign-in and consent behind the authorization endpoint, in a browser without scripts.

use serde_json::json;

use crate::harness::browser::{Browser, at_client, field};
use crate::harness::check::is_dead_end;
use crate::harness::fixtures::NewClient;
use crate::harness::{Authorization, Http, Pkce, scope};

const BOTH: &str = "api::form.form.find api::form.form.findOne";

on_both! {
    /// B3, B7, B12: sign-in, consent, and the answer at the client by 303, without a fragment to carry over.
    fn b07_b12_from_request_to_code(server: &Server) {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        let browser = Browser::new(server);
        let page = browser.authorize(&client, &[("scope", BOTH), ("login_hint", &user.username)], &pkce);
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.text().contains(&format!("value=\"{}\"", user.username)), "login_hint: {page:?}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("form-action 'self' https://c1.test;"), "{policy}");
        let signed_in = browser.sign_in_at(&page, &user);
        assert_eq!(signed_in.status, 303, "{signed_in:?}");
        let question = browser.follow(signed_in);
        assert_eq!(question.status, 200);
        let reply = browser.submit(&question, "/consent", &[("decision", "approve"), ("scope", scope::FIND), ("scope", scope::FIND_ONE)]);
        let answer = at_client(&reply);
        assert!(answer.uri.starts_with("https://c1.test/cb?") && answer.uri.ends_with("#_"), "{}", answer.uri);
        assert_eq!(answer.get("state").as_deref(), Some("s"));
        assert_eq!(answer.get("iss").as_deref(), Some(server.issuer()));
        let token = server.redeem(&client, &answer.get("code").expect("a code"), &pkce);
        assert_eq!(token.ok().scopes(), [scope::FIND, scope::FIND_ONE]);
    }

    /// B6: values never leave by a page of ours; only `query` is offered, and no other scheme can be registered.
    fn b06_form_post_is_not_offered(server: &Server) {
        let client = server.confidential_client(&[]);
        let browser = Browser::of(server, &server.editor());
        let answer = at_client(&browser.authorize(&client, &[("response_mode", "form_post")], &Pkce::s256()));
        assert_eq!(answer.error(), "invalid_request");
        for uri in ["javascript:alert(1)", "data:text/html,x"] {
            let reply = server.try_client(&NewClient::confidential().with("redirectUris", json!([uri])));
            assert_eq!(reply.status, 400, "{uri}: {reply:?}");
        }
    }

    /// B8, B9: nothing of these pages leaves by a referrer, nor by CORS.
    fn b08_no_referrer_no_cors(server: &Server) {
        let client = server.confidential_client(&[]);
        let browser = Browser::of(server, &server.editor());
        let page = browser.authorize(&client, &[], &Pkce::s256());
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        for path in ["/login", "/consent?request=x"] {
            let reply = Http::get(server.url(path)).header("Origin", "https://x.test").send();
            assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{reply:?}");
        }
    }

    /// B10: `prompt=none` shows nothing: an error, or the code of what was agreed to before.
    fn b10_prompt_none(server: &Server) {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        let ask = |browser: &Browser<'_>, further: &[(&str, &str)]| {
            let mut all = vec![("prompt", "none"), ("scope", scope::FIND)];
            all.extend_from_slice(further);
            let answer = at_client(&browser.authorize(&client, &all, &pkce));
            assert_eq!(answer.get("state").as_deref(), Some("s"));
            assert_eq!(answer.get("iss").as_deref(), Some(server.issuer()));
            answer
        };
        assert_eq!(ask(&Browser::new(server), &[]).error(), "login_required");
        let browser = Browser::of(server, &user);
        assert_eq!(ask(&browser, &[]).error(), "consent_required");
        Authorization::of(&client).scopes(&[scope::FIND]).pkce(&pkce).code(server, &user);
        let code = ask(&browser, &[]).get("code").expect("a code");
        server.redeem(&client, &code, &pkce).ok();
        assert_eq!(ask(&browser, &[("login_hint", "somebody-else")]).error(), "login_required");
        assert_eq!(ask(&browser, &[("login_hint", &user.username.to_uppercase())]).error(), "");
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        assert_eq!(ask(&browser, &[("max_age", "0")]).error(), "login_required");
        for prompt in ["none login", "junk", "none none junk"] {
            let answer = at_client(&browser.authorize(&client, &[("prompt", prompt)], &pkce));
            assert_eq!(answer.error(), "invalid_request", "{prompt}");
        }
    }

    /// `prompt=login`, `max_age`, `select_account`, `consent`: each asks what it says, once.
    fn b10_other_prompts(server: &Server) {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        Authorization::of(&client).scopes(&[scope::FIND]).pkce(&pkce).code(server, &user);
        let browser = Browser::of(server, &user);
        let with = |browser: &Browser<'_>, name: &str, value: &str| {
            browser.authorize(&client, &[("scope", scope::FIND), (name, value)], &pkce)
        };
        assert!(at_client(&browser.authorize(&client, &[("scope", scope::FIND)], &pkce)).get("code").is_some());
        for (name, value) in [("prompt", "login"), ("max_age", "0")] {
            std::thread::sleep(std::time::Duration::from_millis(1_100));
            let page = with(&browser, name, value);
            assert!(page.status == 200 && page.text().contains("name=\"password\""), "{name}: {page:?}");
            let answer = browser.follow(browser.sign_in_at(&page, &user));
            assert!(at_client(&answer).get("code").is_some(), "{name}={value}");
        }
        let page = with(&browser, "prompt", "consent");
        assert!(page.status == 200 && page.text().contains("value=\"approve\""), "{page:?}");
        let page = with(&browser, "prompt", "select_account");
        assert!(page.status == 200 && page.text().contains("value=\"continue\""), "{page:?}");
        let answer = browser.follow(browser.submit(&page, "/consent", &[("decision", "continue")]));
        assert!(at_client(&answer).get("code").is_some());
        // Another account: the session ends, and somebody else signs in.
        let page = with(&browser, "prompt", "select_account");
        let page = browser.follow(browser.submit(&page, "/consent", &[("decision", "switch")]));
        assert!(page.text().contains("name=\"password\"") && browser.session().is_none(), "{page:?}");
        let other = server.editor();
        let page = browser.follow(browser.sign_in_at(&page, &other));
        assert!(page.text().contains(&other.username), "{page:?}");
    }

    /// B13: what a form says of the request is ignored.
    fn b13_the_request_is_the_servers(server: &Server) {
        let (client, other) = (server.confidential_client(&[]), server.confidential_client(&[]));
        let pkce = Pkce::s256();
        let browser = Browser::of(server, &server.editor());
        let page = browser.authorize(&client, &[("scope", scope::FIND)], &pkce);
        let changed = [
            ("decision", "approve"),
            ("scope", scope::FIND),
            ("scope", scope::DELETE),
            ("client_id", other.id.as_str()),
            ("redirect_uri", "https://evil.test/cb"),
            ("response_type", "token"),
            ("state", "evil"),
            ("code_challenge", "evil"),
        ];
        let answer = at_client(&browser.submit(&page, "/consent", &changed));
        assert!(answer.uri.starts_with("https://c1.test/cb?"), "{}", answer.uri);
        assert_eq!(answer.get("state").as_deref(), Some("s"));
        let token = server.redeem(&client, &answer.get("code").expect("a code"), &pkce).ok();
        // T11: what was not asked for is not given, ticked or not.
        assert_eq!(token.scopes(), [scope::FIND]);
        assert!(browser.cookies().values().all(|value| !value.contains(&client.id)), "cookies hold no request");
    }

    /// B14: another browser's request is nobody's here, and an answered one is over.
    fn b14_once_and_in_one_browser(server: &Server) {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        let (mine, theirs) = (Browser::of(server, &user), Browser::of(server, &user));
        let page = mine.authorize(&client, &[("scope", scope::FIND)], &pkce);
        let secret = field(&page, "request");
        let own = theirs.authorize(&client, &[("scope", scope::FIND)], &pkce);
        let csrf = field(&own, "csrf");
        let stolen = [("csrf", csrf.as_str()), ("request", secret.as_str()), ("decision", "approve"), ("scope", scope::FIND)];
        let reply = theirs.post("/consent", &stolen);
        assert!(reply.status == 404 && reply.header("location").is_none(), "{reply:?}");
        assert_eq!(theirs.get(&format!("/consent?request={secret}")).status, 404);
        // T2: no token, or another session's.
        for csrf in ["", csrf.as_str()] {
            let pairs = [("csrf", csrf), ("request", secret.as_str()), ("decision", "approve"), ("scope", scope::FIND)];
            assert_eq!(mine.post("/consent", &pairs).status, 403);
        }
        let decide = || mine.submit(&page, "/consent", &[("decision", "approve"), ("scope", scope::FIND)]);
        assert!(at_client(&decide()).get("code").is_some());
        let again = decide();
        assert!(again.status == 404 && again.header("location").is_none(), "{again:?}");
    }

    /// B15: POST is GET.
    fn b15_post(server: &Server) {
        let (client, pkce) = (server.confidential_client(&[]), Pkce::s256());
        let path = server.path("authorization_endpoint");
        let pairs = [
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("scope", scope::FIND),
            ("code_challenge", pkce.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let browser = Browser::new(server);
        let page = browser.follow(browser.post(&path, &pairs));
        assert!(page.status == 200 && page.text().contains("name=\"password\""), "{page:?}");
        let mut twice = pairs.to_vec();
        twice.push(("client_id", "other"));
        is_dead_end(&browser.post(&path, &twice));
    }

    /// T10: the page says who asks, as whom one is signed in, for what, and where one will be sent.
    fn t10_the_page_says_all(server: &Server) {
        let owner = server.editor();
        let new = NewClient::confidential().with("user", owner.username.as_str());
        let client = server.client(&new);
        let user = server.reader();
        let browser = Browser::of(server, &user);
        let asked = "api::form.form.find api::form.form.delete";
        let page = browser.authorize(&client, &[("scope", asked)], &Pkce::s256());
        let text = page.text().replace("&#x2f;", "/");
        for part in [new.0["name"].as_str().expect("a name"), &client.id, &owner.username, &user.username, "https://c1.test", scope::FIND, scope::DELETE, "List forms", "Not possible", "value=\"deny\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // What the policy refuses cannot be ticked.
        let box_of = |name: &str| text.split("<input").find(|tag| tag.contains(&format!("id=\"{name}\""))).expect("a box").to_owned();
        assert!(box_of(scope::DELETE).contains("disabled") && box_of(scope::FIND).contains("checked"));
        let denied = at_client(&browser.submit(&page, "/consent", &[("decision", "deny")]));
        assert_eq!(denied.error(), "access_denied");
        // Nothing ticked is a no.
        let page = browser.authorize(&client, &[("scope", asked)], &Pkce::s256());
        let none = at_client(&browser.submit(&page, "/consent", &[("decision", "approve")]));
        assert_eq!(none.error(), "access_denied");
        let page = browser.authorize(&client, &[], &Pkce::s256());
        let none = at_client(&browser.submit(&page, "/consent", &[("decision", "approve")]));
        assert_eq!(none.error(), "access_denied");
    }

    /// T11: an unticked scope is not granted, the token says what was, and only what is new is asked again.
    fn t11_unticked_scopes(server: &Server) {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        let browser = Browser::of(server, &user);
        let page = browser.authorize(&client, &[("scope", BOTH)], &pkce);
        let answer = at_client(&browser.submit(&page, "/consent", &[("decision", "approve"), ("scope", scope::FIND)]));
        let token = server.redeem(&client, &answer.get("code").expect("a code"), &pkce).ok();
        assert_eq!(token.scopes(), [scope::FIND]);
        // Remembered: no question.
        let answer = at_client(&browser.authorize(&client, &[("scope", scope::FIND)], &pkce));
        assert!(answer.get("code").is_some());
        // Something new: asked, and what was granted before is marked.
        let page = browser.authorize(&client, &[("scope", BOTH)], &pkce);
        let text = page.text();
        assert!(text.contains("granted before") && text.contains(">new<"), "{text}");
        let both = [("decision", "approve"), ("scope", scope::FIND), ("scope", scope::FIND_ONE)];
        let answer = at_client(&browser.submit(&page, "/consent", &both));
        let token = server.redeem(&client, &answer.get("code").expect("a code"), &pkce).ok();
        assert_eq!(token.scopes(), [scope::FIND, scope::FIND_ONE]);
        assert!(at_client(&browser.authorize(&client, &[("scope", BOTH)], &pkce)).get("code").is_some());
    }

    /// T10: a public client on a loopback port or with a custom scheme is asked about each time.
    fn t10_native_clients_always_ask(server: &Server) {
        let uris = json!(["http://127.0.0.1/cb", "com.example.app:/cb", "https://c1.test/cb"]);
        let client = server.client(&NewClient::public().with("redirectUris", uris));
        let (user, pkce) = (server.editor(), Pkce::s256());
        Authorization::of(&client).scopes(&[scope::FIND]).pkce(&pkce).with("redirectUri", "https://c1.test/cb").code(server, &user);
        let browser = Browser::of(server, &user);
        for uri in ["http://127.0.0.1:49152/cb", "com.example.app:/cb"] {
            let with = |prompt: &str| {
                browser.authorize(&client, &[("scope", scope::FIND), ("redirect_uri", uri), ("prompt", prompt)], &pkce)
            };
            let page = with("");
            assert!(page.status == 200 && page.text().contains("value=\"approve\""), "{uri}: {page:?}");
            let policy = page.header("content-security-policy").expect("a policy").to_owned();
            let source = if uri.starts_with("http") { "http://127.0.0.1:49152" } else { "com.example.app:" };
            assert!(policy.contains(&format!("form-action 'self' {source};")), "{policy}");
            assert_eq!(at_client(&with("none")).error(), "consent_required", "{uri}");
            let answer = at_client(&browser.submit(&page, "/consent", &[("decision", "approve"), ("scope", scope::FIND)]));
            assert!(answer.uri.starts_with(uri), "{}", answer.uri);
        }
        let web = browser.authorize(&client, &[("scope", scope::FIND), ("redirect_uri", "https://c1.test/cb")], &pkce);
        assert!(at_client(&web).get("code").is_some());
    }

    /// C8: ways back are paths of this server, or none.
    fn c08_ways_back(server: &Server) {
        let user = server.reader();
        for (next, leads) in [
            ("/account/sessions", "/account/sessions"),
            ("//evil.test", "/account"),
            ("/\\evil.test", "/account"),
            ("/%09/evil.test", "/account"),
            ("/\t\\\\evil.test", "/account"),
            ("https:evil.test", "/account"),
            ("https://evil.test", "/account"),
            ("/.//evil.test", "/account"),
            ("javascript:alert(1)", "/account"),
        ] {
            let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            let browser = Browser::new(server);
            let page = browser.get(&format!("/login?next={query}"));
            let reply = browser.sign_in_at(&page, &user);
            assert_eq!(reply.header("location"), Some(leads), "{next}");
            // The field of the form is believed no more than the query.
            let page = Browser::new(server).get("/login");
            let cookie = page.header("set-cookie").expect("a cookie").split(';').next().unwrap_or_default().to_owned();
            let csrf = field(&page, "csrf");
            let pairs = [("csrf", csrf.as_str()), ("next", next), ("identifier", &user.username), ("password", &user.password)];
            let reply = Http::post(server.url("/login")).form(&pairs).header("Cookie", &cookie).send();
            let location = reply.header("location").map(str::to_owned);
            assert!(location.as_deref().is_none_or(|location| location == leads), "{next}: {location:?}");
        }
    }
}
