//! Users, roles and sessions by the management API and the command line.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::fixtures::NewClient;
use crate::harness::{
    Authorization, Backend, Http, Options, Pkce, Server, User, backend, eventually, scope, unique,
};

/// A user made by the API, with a password that was made.
fn made(server: &Server, fields: Value) -> (Value, User) {
    let name = unique("u");
    let mut data =
        json!({ "username": name, "email": format!("{name}@suite.test"), "roles": ["suite_reader"] });
    for (key, value) in fields.as_object().expect("an object") {
        data[key] = value.clone();
    }
    let reply = server.manage(Method::POST, "users").json(&json!({ "data": data })).send();
    assert_eq!(reply.status, 201, "{reply:?}");
    let body = reply.json()["data"].clone();
    let password = body["password"].as_str().unwrap_or_default().to_owned();
    (body, User::existing(&name, &password))
}

fn change(server: &Server, id: &str, fields: Value) -> crate::harness::client::Reply {
    server.manage(Method::PUT, &format!("users/{id}")).json(&json!({ "data": fields })).send()
}

on_both! {
    /// A user's life: made, found, changed, given a new password, deleted.
    fn a_user_lives(server: &Server) {
        let (body, user) = made(server, json!({}));
        let id = body["documentId"].as_str().expect("an id");
        assert_eq!(user.sign_in(server).status, 200);
        for path in [format!("users/{id}"), format!("users/{}", user.username)] {
            let read = server.manage(Method::GET, &path).send().ok().json()["data"].clone();
            assert_eq!(read["username"], user.username.as_str());
            assert!(read.get("password").is_none() && !read.to_string().contains("argon2"), "{read}");
        }
        let listed = server.manage(Method::GET, "users").query(&[("search", &user.username), ("role", "suite_reader"), ("blocked", "false"), ("sort", "username:asc")]).send().ok().json();
        assert_eq!(listed["meta"]["pagination"]["total"], 1);
        let renamed = unique("renamed");
        let reply = change(server, id, json!({ "username": renamed, "confirmed": true })).ok().json();
        assert_eq!((reply["data"]["username"].as_str(), reply["data"]["confirmed"].as_bool()), (Some(renamed.as_str()), Some(true)));
        let reset = server.manage(Method::POST, &format!("users/{id}/reset-password")).json(&json!({ "data": {} })).send().ok().json();
        let password = reset["data"]["password"].as_str().expect("a password");
        assert_eq!(User::existing(&renamed, &user.password).sign_in(server).status, 401);
        assert_eq!(User::existing(&renamed, password).sign_in(server).status, 200);
        assert_eq!(server.manage(Method::DELETE, &format!("users/{id}")).send().status, 204);
        assert_eq!(server.manage(Method::GET, &format!("users/{id}")).send().status, 404);
        assert_eq!(User::existing(&renamed, password).sign_in(server).status, 401);
        let log = server.log();
        assert!(!log.contains(password) && !log.contains(&user.password) && !server.database_holds(password));
    }

    /// Names and addresses are one name space, in every spelling.
    fn names_are_unique(server: &Server) {
        let (body, user) = made(server, json!({}));
        let id = body["documentId"].as_str().expect("an id");
        let (other, _) = made(server, json!({}));
        let email = format!("{}@suite.test", user.username);
        for (name, address) in [(user.username.to_uppercase(), format!("{}@x.test", unique("x"))), (unique("x"), email.to_uppercase())] {
            let data = json!({ "data": { "username": name, "email": address } });
            assert_eq!(server.manage(Method::POST, "users").json(&data).send().status, 409, "{name} {address}");
        }
        let reply = change(server, other["documentId"].as_str().expect("an id"), json!({ "email": email }));
        assert_eq!(reply.status, 409, "{reply:?}");
        for bad in [json!({ "username": "" }), json!({ "username": "a b" }), json!({ "email": "x" }), json!({ "email": "a@b@c" }), json!({ "roles": ["nobody_wrote_it"] }), json!({ "username": id })] {
            assert_eq!(change(server, id, bad.clone()).status, 400, "{bad}");
        }
    }

    /// AA3: fields that nobody may set are refused.
    fn aa03_mass_assignment(server: &Server) {
        let (body, _) = made(server, json!({}));
        let id = body["documentId"].as_str().expect("an id");
        for field in ["id", "documentId", "passwordHash", "password", "tokensValidFrom", "createdAt", "isAdmin", "role"] {
            let reply = change(server, id, json!({ field: "x" }));
            assert_eq!(reply.status, 400, "{field}: {reply:?}");
        }
    }

    /// A set-up link sets a password once, and no password is shown.
    fn setup_links_work_once(server: &Server) {
        let (body, user) = made(server, json!({ "setupLink": true }));
        assert!(body.get("password").is_none(), "{body}");
        let url = body["setupUrl"].as_str().expect("a link").to_owned();
        let path = url.strip_prefix(server.issuer()).expect("our own");
        let secret = path.split_once("link=").expect("a secret").1;
        assert!(!server.database_holds(secret) && !server.log().contains(secret));
        let browser = Browser::new(server);
        let page = browser.get(path);
        assert!(page.status == 200 && page.text().contains(&user.username), "{page:?}");
        assert_eq!(browser.submit(&page, "/set-password", &[("password", "short")]).status, 400);
        let password = "a password that nobody guesses";
        assert_eq!(browser.submit(&page, "/set-password", &[("password", password)]).status, 303);
        assert_eq!(User::existing(&user.username, password).sign_in(server).status, 200);
        assert_eq!(browser.submit(&page, "/set-password", &[("password", "another password of mine")]).status, 404);
        assert_eq!(browser.get(path).status, 404);
        // T2: the form is the browser's own.
        assert_eq!(Browser::new(server).post("/set-password", &[("link", secret), ("password", password)]).status, 403);
    }

    /// AA4: nobody gives what they do not hold, or changes somebody who holds more.
    fn aa04_nobody_gives_more_than_they_hold(server: &Server) {
        let admin = server.admin().id(server);
        let own = change(server, &admin, json!({ "roles": ["suite_reader"] }));
        assert_eq!(own.status, 409, "{own:?}");
        // A client that may change users holds no form action: it can give no role that permits one.
        let scopes = json!(["admin:user.create", "admin:user.update", "admin:user.read", "admin:user.delete"]);
        let client = server.client(&NewClient::confidential().with("scopes", scopes));
        let token = server.machine_token(&client, "");
        let as_client = |method: Method, path: &str, body: Value| Http::request(method, server.mounted(path)).bearer(&token).json(&body).send();
        let name = unique("u");
        let create = |roles: Value| json!({ "data": { "username": name, "email": format!("{name}@suite.test"), "roles": roles } });
        for roles in [json!(["administrator"]), json!(["suite_editor"])] {
            let reply = as_client(Method::POST, "users", create(roles.clone()));
            assert!([403, 409].contains(&reply.status), "{roles}: {reply:?}");
        }
        assert_eq!(as_client(Method::POST, "users", create(json!([]))).status, 201);
        for (method, path) in [(Method::PUT, format!("users/{admin}")), (Method::POST, format!("users/{admin}/reset-password")), (Method::DELETE, format!("users/{admin}"))] {
            let reply = as_client(method.clone(), &path, json!({ "data": {} }));
            assert!([403, 409].contains(&reply.status), "{method} {path}: {reply:?}");
        }
        assert_eq!(server.admin().sign_in(server).status, 200);
    }

    /// T9, AA10: blocking, new roles and a new password end sessions and user tokens; a token of an application too.
    fn t09_changes_end_sessions(server: &Server) {
        let user = server.editor();
        let id = user.id(server);
        for fields in [json!({ "roles": ["suite_reader"] }), json!({ "email": format!("{}@suite.test", unique("new")) }), json!({ "blocked": true })] {
            let browser = Browser::of(server, &user);
            let fresh = User::existing(&user.username, &user.password);
            let jwt = fresh.jwt(server).to_owned();
            change(server, &id, fields.clone()).ok();
            assert_eq!(browser.get("/account").status, 303, "{fields}");
            assert_eq!(Http::get(server.mounted("consents")).bearer(&jwt).send().status, 401, "{fields}");
        }
        assert_eq!(user.sign_in(server).status, 401);
    }

    /// Sessions: the user's own by the API, and another's by who may.
    fn sessions_are_listed_and_ended(server: &Server) {
        let (user, other) = (server.reader(), server.reader());
        let (one, two) = (Browser::of(server, &user), Browser::of(server, &user));
        let own = || Http::get(server.mounted("sessions")).bearer(user.jwt(server)).send().ok().json()["data"].as_array().expect("a list").clone();
        let ids: Vec<String> = own().iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(ids.len(), 2);
        for value in one.cookies().values() {
            assert!(!own().iter().any(|row| row.to_string().contains(value.as_str())), "no cookie is shown");
        }
        // AA2: another's session is not there.
        let reply = Http::delete(server.mounted(&format!("sessions/{}", ids[0]))).bearer(other.jwt(server)).send();
        assert_eq!(reply.status, 404);
        assert_eq!(Http::delete(server.mounted(&format!("sessions/{}", ids[0]))).bearer(user.jwt(server)).send().status, 204);
        assert_eq!(own().len(), 1);
        let alive = [&one, &two].iter().filter(|browser| browser.get("/account").status == 200).count();
        assert_eq!(alive, 1);
        let path = format!("users/{}/sessions", user.username);
        let listed = server.manage(Method::GET, &path).send().ok().json();
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!(server.manage(Method::DELETE, &path).send().status, 204);
        assert!([&one, &two].iter().all(|browser| browser.get("/account").status == 303));
        eventually("the user token is refused", crate::harness::BOUND, || {
            Http::get(server.mounted("sessions")).bearer(user.jwt(server)).send().status == 401
        });
    }

    /// Roles are documents, with the number of their users.
    fn roles_are_listed(server: &Server) {
        made(server, json!({ "roles": ["suite_editor"] }));
        let listed = server.manage(Method::GET, "roles").send().ok().json();
        let rows = listed["data"].as_array().expect("a list");
        let editor = rows.iter().find(|row| row["name"] == "suite_editor").expect("the role");
        assert_eq!(editor["title"], "Editors of the suite");
        assert!(editor["users"].as_i64().expect("a number") >= 1);
        assert!(editor["file"].as_str().expect("a file").ends_with("roles/suite_editor.yaml"));
        assert!(editor["actions"].as_array().expect("actions").contains(&json!(scope::FIND)));
    }

    /// A deleted user's tokens and consents end at once.
    fn a_deleted_users_tokens_end(server: &Server) {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        let code = Authorization::of(&client).scopes(&[scope::FIND]).pkce(&pkce).code(server, &user);
        let token = server.redeem(&client, &code, &pkce).access_token();
        assert!(server.is_active(&client, &token));
        server.manage(Method::DELETE, &format!("users/{}", user.username)).send().ok();
        assert!(!server.is_active(&client, &token));
    }
}

/// AA4: the last user who may administer users stays, whatever is tried, by whomever, at once.
#[test]
fn aa04_the_last_administrator_stays() {
    for kind in Backend::present() {
        backend::run_alone(kind, Options::default(), |server| {
            let refused = |what: &str, status: u16| assert_eq!(status, 409, "{what}");
            refused("block", change(server, "admin", json!({ "blocked": true })).status);
            refused("delete", server.manage(Method::DELETE, "users/admin").send().status);
            assert!(!server.cli(&["user", "block", "admin"], "").status.success());
            assert!(!server.cli(&["user", "delete", "admin"], "").status.success());
            // Two administrators remove each other at the same time: one of them stays.
            let second = server.user("administrator");
            let (first_jwt, second_jwt) =
                (server.admin().jwt(server).to_owned(), second.jwt(server).to_owned());
            let block = |who: &str, jwt: &str| {
                Http::put(server.mounted(&format!("users/{who}")))
                    .bearer(jwt)
                    .json(&json!({ "data": { "blocked": true } }))
                    .send()
                    .status
            };
            let statuses = std::thread::scope(|scope| {
                let one = scope.spawn(|| block(&second.username, &first_jwt));
                let two = scope.spawn(|| block("admin", &second_jwt));
                [one.join().expect("an answer"), two.join().expect("an answer")]
            });
            assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
            let alive = [server.admin().sign_in(server).status, second.sign_in(server).status];
            assert_eq!(alive.iter().filter(|status| **status == 200).count(), 1, "{alive:?}");
        });
    }
}
