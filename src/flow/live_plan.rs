//! What another policy set would do to the tokens that are out: each is asked about under both sets, with the
//! circumstances of its issue and the users of now. Reads only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::app::clients::client_state;
use crate::app::users::user_of;
use crate::oauth::client::{Client, ClientId};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::Fault;
use crate::oauth::scope::{self, Scope};
use crate::oauth::user::User;
use crate::policy::plan::Live;
use crate::policy::{GrantFacts, GrantQuestion, Snapshot};
use crate::store::{Store, TokenRow};

/// Tokens of one read.
const BATCH: u32 = 1_000;
/// Users who are named.
const NAMED: usize = 100;
/// Lost scopes that are counted one by one.
const COUNTED: usize = 10_000;

/// Counts the tokens that the new set touches.
///
/// # Errors
/// [`Fault`] if the database does not answer or a row of ours cannot be read.
pub async fn live(store: &Store, now_ms: i64, old: &Snapshot, new: &Snapshot) -> Result<Live, Fault> {
    let mut count =
        Count { store, old, new, clients: HashMap::new(), users: HashMap::new(), live: Live::default() };
    let mut lost: BTreeMap<(String, Scope), usize> = BTreeMap::new();
    let mut touched: BTreeSet<String> = BTreeSet::new();
    let mut after = String::new();
    loop {
        let rows = store.live_tokens_after(&after, now_ms, BATCH).await?;
        let Some(last) = rows.last() else { break };
        after = last.jti.clone();
        for row in &rows {
            count.row(row, &mut lost, &mut touched).await?;
        }
    }
    let mut live = count.live;
    live.user_count = touched.len();
    live.users = touched.into_iter().take(NAMED).collect();
    live.scopes =
        lost.into_iter().map(|((client, scope), count)| (client, scope.to_string(), count)).collect();
    live.scopes.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    Ok(live)
}

/// A client under both sets: its document, and whether it is active.
type Both = [Option<(Arc<Client>, bool)>; 2];

struct Count<'a> {
    store: &'a Store,
    old: &'a Snapshot,
    new: &'a Snapshot,
    clients: HashMap<String, Both>,
    users: HashMap<String, Option<Arc<User>>>,
    live: Live,
}

impl Count<'_> {
    async fn row(
        &mut self,
        row: &TokenRow,
        lost: &mut BTreeMap<(String, Scope), usize>,
        touched: &mut BTreeSet<String>,
    ) -> Result<(), Fault> {
        self.live.asked += 1;
        let unreadable = |what: &str| Fault::Inconsistent(format!("{what} of token {}", row.jti));
        let facts: GrantFacts = serde_json::from_str(&row.facts).map_err(|_| unreadable("facts"))?;
        let scopes = scope::parse_list(&row.scopes).map_err(|_| unreadable("scopes"))?;
        let grant = GrantType::parse(&row.grant_type).ok_or_else(|| unreadable("grant type"))?;
        let user = match &row.user_id {
            None => None,
            Some(id) => match self.user(id).await? {
                Some(user) if !user.blocked => Some(user),
                _ => return Ok(()),
            },
        };
        let clients = self.client(&row.client_id).await?;
        let ask = |snapshot: &Snapshot, client: &Option<(Arc<Client>, bool)>| match client {
            None => Vec::new(),
            Some((client, active)) => {
                let user = user.as_deref();
                snapshot.still_permitted(
                    &GrantQuestion { client, active: *active, grant, user, facts: &facts },
                    &scopes,
                )
            }
        };
        let (before, after) = (ask(self.old, &clients[0]), ask(self.new, &clients[1]));
        let gone: Vec<&Scope> = before.iter().filter(|scope| !after.contains(scope)).collect();
        if after.iter().any(|scope| !before.contains(scope)) {
            self.live.regain += 1;
        }
        if gone.is_empty() {
            return Ok(());
        }
        self.live.lose += 1;
        self.live.end += usize::from(after.is_empty());
        touched.extend(user.map(|user| user.username.clone()));
        for scope in gone {
            let key = (row.client_id.clone(), scope.clone());
            if lost.len() < COUNTED || lost.contains_key(&key) {
                *lost.entry(key).or_default() += 1;
            }
        }
        Ok(())
    }

    async fn user(&mut self, id: &str) -> Result<Option<Arc<User>>, Fault> {
        if let Some(known) = self.users.get(id) {
            return Ok(known.clone());
        }
        let user = self.store.user(id).await?.map(user_of).transpose()?.map(Arc::new);
        self.users.insert(id.to_owned(), user.clone());
        Ok(user)
    }

    async fn client(&mut self, id: &str) -> Result<Both, Fault> {
        if let Some(known) = self.clients.get(id) {
            return Ok(known.clone());
        }
        let mut both: Both = [None, None];
        if let (Some(name), Some(row)) = (ClientId::parse(id), self.store.client(id).await?) {
            for (place, snapshot) in both.iter_mut().zip([self.old, self.new]) {
                let state = client_state(snapshot, &name, row.clone(), 0)?;
                *place = state.map(|state| (state.client, state.active));
            }
        }
        self.clients.insert(id.to_owned(), both.clone());
        Ok(both)
    }
}
