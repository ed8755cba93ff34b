//! `plan --server`: the live tokens of a running server, counted from its list.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::{Failure, wire};
use crate::oauth::grant::GrantType;
use crate::policy::Snapshot;
use crate::policy::plan::{Change, Live, Plan};

/// Tokens of one page.
const PAGE: usize = 100;
/// Users who are named.
const NAMED: usize = 100;

/// What tokens may lose.
struct Losses<'p> {
    /// Client, scope and grant.
    clients: HashSet<(&'p str, &'p str, &'p str)>,
    /// What the roles of both sets permit.
    roles: [&'p Snapshot; 2],
    /// The roles of each user; none = the server does not list them.
    users: Option<HashMap<String, Vec<String>>>,
}

impl<'p> Losses<'p> {
    fn of(plan: &'p Plan, roles: [&'p Snapshot; 2]) -> Self {
        let mut clients = HashSet::new();
        for row in plan.clients.iter().filter(|row| row.change == Change::Loses) {
            for scope in &row.scopes {
                clients.extend(row.grants.iter().map(|grant| (row.client.as_str(), scope.as_str(), *grant)));
            }
        }
        Self { clients, roles, users: None }
    }

    /// Whether a token loses a scope: by its client, or since no role of its user permits the action any more.
    fn takes(&self, client: &str, user: Option<&str>, grant: &str, scope: &str) -> bool {
        let roles = user.and_then(|user| self.users.as_ref()?.get(user));
        let permits = |set: &Snapshot| {
            roles.is_some_and(|roles| {
                set.roles().any(|(name, _, actions)| {
                    roles.iter().any(|one| one == name) && actions.iter().any(|one| one.as_str() == scope)
                })
            })
        };
        let [old, new] = self.roles;
        self.clients.contains(&(client, scope, grant)) || (permits(old) && !permits(new))
    }
}

/// Counts the tokens that carry what their client or the roles of their user lose.
pub async fn live(
    server: &str,
    token: &str,
    plan: &Plan,
    old: &Snapshot,
    new: &Snapshot,
) -> Result<Live, Failure> {
    let mut losses = Losses::of(plan, [old, new]);
    losses.users = users(server, token).await?;
    let note = match losses.users {
        Some(_) => {
            "counted from the server's lists: what documents of clients and roles take; rules about users are not asked"
        }
        None => {
            "counted from the server's list: what clients lose; the token may not list users, so roles are not counted"
        }
    };
    let mut live = Live { note: Some(note), ..Live::default() };
    let (mut scopes, mut touched) = (BTreeMap::new(), BTreeSet::new());
    // From the oldest: what is issued meanwhile stands at the end.
    let list = format!("access-tokens?status=active&sort=createdAt:asc&pageSize={PAGE}");
    for page in 1.. {
        let rows = rows(server, token, &list, page).await?.map_err(Failure::Usage)?;
        for row in &rows {
            live.asked += 1;
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            let grant = GrantType::parse(text("grantType")).map_or("", GrantType::short);
            let carried: Vec<&str> =
                row["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let user = row["user"].as_str();
            let gone: Vec<&&str> =
                carried.iter().filter(|scope| losses.takes(text("client"), user, grant, scope)).collect();
            if gone.is_empty() {
                continue;
            }
            live.lose += 1;
            live.end += usize::from(gone.len() == carried.len());
            touched.extend(user.map(ToOwned::to_owned));
            for scope in gone {
                *scopes.entry((text("client").to_owned(), (*scope).to_owned())).or_insert(0_usize) += 1;
            }
        }
        if rows.len() < PAGE {
            break;
        }
    }
    live.user_count = touched.len();
    live.users = touched.into_iter().take(NAMED).collect();
    live.scopes = scopes.into_iter().map(|((client, scope), count)| (client, scope, count)).collect();
    live.scopes.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    Ok(live)
}

/// The roles of all users; none if the token may not list them.
async fn users(server: &str, token: &str) -> Result<Option<HashMap<String, Vec<String>>>, Failure> {
    let mut all = HashMap::new();
    for page in 1.. {
        let Ok(rows) = rows(server, token, &format!("users?pageSize={PAGE}"), page).await? else {
            return Ok(None);
        };
        for row in &rows {
            let roles = row["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let id = row["documentId"].as_str().unwrap_or_default();
            all.insert(id.to_owned(), roles.map(ToOwned::to_owned).collect());
        }
        if rows.len() < PAGE {
            break;
        }
    }
    Ok(Some(all))
}

/// A page of a list; or why the server refuses it.
async fn rows(
    server: &str,
    token: &str,
    list: &str,
    page: usize,
) -> Result<Result<Vec<Value>, String>, Failure> {
    let server = server.trim_end_matches('/');
    let answer = wire::get_as(&format!("{server}/oauth2/{list}&page={page}"), token).await?;
    let mut body = answer.json();
    if answer.status != 200 {
        let why = body["error"]["message"].as_str().unwrap_or("no list");
        return Ok(Err(format!("{server}: {} {why}", answer.status)));
    }
    listed(server, body["data"].take()).map(Ok)
}

/// What is no list is not an empty one: nobody may be told that a change touches nothing.
fn listed(server: &str, data: Value) -> Result<Vec<Value>, Failure> {
    match data {
        Value::Array(rows) => Ok(rows),
        _ => Err(Failure::Fault(format!("{server}: the answer is no list"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_list_is_not_an_empty_one() {
        assert!(listed("s", json!([])).is_ok_and(|rows| rows.is_empty()));
        for data in [Value::Null, json!({}), json!("no list")] {
            assert!(matches!(listed("s", data), Err(Failure::Fault(_))));
        }
    }
}
