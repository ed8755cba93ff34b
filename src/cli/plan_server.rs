//! `plan --server`: the live tokens of a running server, counted from its list.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::{Failure, wire};
use crate::oauth::grant::GrantType;
use crate::policy::plan::{Change, Live, Plan};

/// Tokens of one page.
const PAGE: usize = 100;
/// Users who are named.
const NAMED: usize = 100;

/// Counts the tokens that carry what their client loses.
pub async fn live(server: &str, token: &str, plan: &Plan) -> Result<Live, Failure> {
    let mut lost: HashSet<(&str, &str, &str)> = HashSet::new();
    for row in plan.clients.iter().filter(|row| row.change == Change::Loses) {
        for scope in &row.scopes {
            lost.extend(row.grants.iter().map(|grant| (row.client.as_str(), scope.as_str(), *grant)));
        }
    }
    let mut live = Live {
        note: Some("counted from the server's list: what clients lose, not what users lose by their roles"),
        ..Live::default()
    };
    let (mut scopes, mut users) = (BTreeMap::new(), BTreeSet::new());
    for page in 1.. {
        let rows = rows(server, token, page).await?;
        for row in &rows {
            live.asked += 1;
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            let grant = GrantType::parse(text("grantType")).map_or("", GrantType::short);
            let carried: Vec<&str> =
                row["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let gone: Vec<&&str> =
                carried.iter().filter(|scope| lost.contains(&(text("client"), **scope, grant))).collect();
            if gone.is_empty() {
                continue;
            }
            live.lose += 1;
            live.end += usize::from(gone.len() == carried.len());
            users.extend(row["user"].as_str().map(ToOwned::to_owned));
            for scope in gone {
                *scopes.entry((text("client").to_owned(), (*scope).to_owned())).or_insert(0_usize) += 1;
            }
        }
        if rows.len() < PAGE {
            break;
        }
    }
    live.user_count = users.len();
    live.users = users.into_iter().take(NAMED).collect();
    live.scopes = scopes.into_iter().map(|((client, scope), count)| (client, scope, count)).collect();
    live.scopes.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    Ok(live)
}

async fn rows(server: &str, token: &str, page: usize) -> Result<Vec<Value>, Failure> {
    let server = server.trim_end_matches('/');
    // From the oldest: what is issued meanwhile stands at the end.
    let query = format!("status=active&sort=createdAt:asc&pageSize={PAGE}&page={page}");
    let answer = wire::get_as(&format!("{server}/oauth2/access-tokens?{query}"), token).await?;
    let mut body = answer.json();
    if answer.status != 200 {
        let why = body["error"]["message"].as_str().unwrap_or("no list of tokens").to_owned();
        return Err(Failure::Usage(format!("{server}: {} {why}", answer.status)));
    }
    Ok(serde_json::from_value(body["data"].take()).unwrap_or_default())
}
