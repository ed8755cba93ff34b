//! Facts become Cedar values: entities for clients and users, records for the circumstances.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::LazyLock;

use cedar_policy::{Context, Entity, EntityUid, RestrictedExpression as Value};
use cedar_policy_core::ast::{Name, RestrictedExpr};

use super::names::{Names, uid};
use super::question::{GrantFacts, GrantQuestion, HttpFacts};
use crate::oauth::client::{ActFor, AssertionStyle, Client, ClientType, PkceRule};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// Longest time that Cedar is told of, in seconds: far beyond every ceiling, and its arithmetic cannot overflow.
const LONGEST_S: u64 = 100 * 366 * 86_400;

/// Pairs of a record.
pub type Pairs = Vec<(String, Value)>;

/// `Client::"…"` with what policies may know about it.
pub fn client(names: &Names, client: &Client, active: bool) -> Result<Entity, String> {
    let kind = match client.kind {
        ClientType::Confidential => &names.confidential,
        ClientType::Public => &names.public,
    };
    let grants = client
        .grants
        .iter()
        .filter_map(|grant| names.grant(*grant))
        .map(|n| Value::new_entity_uid(n.uid.clone()));
    let (mut roles, mut users) = (Vec::new(), Vec::new());
    for who in &client.act_for {
        match who {
            ActFor::Role(role) => roles.push(Value::new_entity_uid(uid(&names.role, role))),
            ActFor::User(user) => users.push(Value::new_string(user.clone())),
        }
    }
    let mut attributes = HashMap::with_capacity(10);
    let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    set("kind", Value::new_entity_uid(kind.clone()));
    set("active", Value::new_bool(client.active && active));
    set("grants", Value::new_set(grants));
    set("pkce_required", Value::new_bool(client.pkce != PkceRule::Optional));
    set("pkce_plain", Value::new_bool(client.pkce == PkceRule::Plain));
    set("owner_style", Value::new_bool(client.assertion_style == AssertionStyle::Owner));
    set("act_for_roles", Value::new_set(roles));
    set("act_for_users", Value::new_set(users));
    if let Some(owner) = &client.owner {
        set("owner", Value::new_string(owner.clone()));
    }
    if let Some(ttl) = client.access_token_ttl {
        set("max_ttl", seconds(ttl));
    }
    let parents: HashSet<EntityUid> = client.groups.iter().map(|group| uid(&names.group, group)).collect();
    Entity::new(uid(&names.client, client.id.as_str()), attributes, parents)
        .map_err(|error| error.to_string())
}

/// `User::"…"` with what policies may know about them.
pub fn user(names: &Names, user: &User) -> Result<Entity, String> {
    let attributes = HashMap::from([
        ("id".to_owned(), Value::new_string(user.id.as_ref().to_owned())),
        ("username".to_owned(), Value::new_string(user.username.clone())),
        ("email".to_owned(), Value::new_string(user.email.clone())),
        ("blocked".to_owned(), Value::new_bool(user.blocked)),
        ("confirmed".to_owned(), Value::new_bool(user.confirmed)),
    ]);
    let parents: HashSet<EntityUid> = user.roles.iter().map(|role| uid(&names.role, role)).collect();
    Entity::new(uid(&names.user, &user.id), attributes, parents).map_err(|error| error.to_string())
}

/// The circumstances of a grant.
pub fn grant_context(names: &Names, question: &GrantQuestion<'_>) -> Result<Context, String> {
    let facts = question.facts;
    let mut pairs = moment(facts.now_ms, facts.ip);
    pairs.push(("ttl".to_owned(), seconds(facts.ttl_s)));
    pairs
        .push(("audience".to_owned(), Value::new_set(facts.audience.iter().cloned().map(Value::new_string))));
    if let Some(user) = question.user.filter(|_| question.grant != GrantType::ClientCredentials) {
        pairs.push(("user".to_owned(), Value::new_entity_uid(uid(&names.user, &user.id))));
    }
    match question.grant {
        GrantType::AuthorizationCode => code_facts(names, facts, &mut pairs),
        GrantType::JwtBearer => {
            if let Some(alg) = &facts.alg {
                pairs.push(("alg".to_owned(), Value::new_string(alg.clone())));
            }
            if let Some(ttl) = facts.assertion_ttl_s {
                pairs.push(("assertion_ttl".to_owned(), seconds(ttl)));
            }
        }
        GrantType::ClientCredentials => {}
    }
    record(pairs)
}

fn code_facts(names: &Names, facts: &GrantFacts, pairs: &mut Pairs) {
    let pkce = match facts.pkce {
        None => &names.pkce_none,
        Some(Method::Plain) => &names.pkce_plain,
        Some(Method::S256) => &names.pkce_s256,
    };
    pairs.push(("pkce".to_owned(), Value::new_entity_uid(pkce.clone())));
    pairs.push(("redirect_loopback".to_owned(), Value::new_bool(facts.redirect_loopback)));
    if let Some(host) = &facts.redirect_host {
        pairs.push(("redirect_host".to_owned(), Value::new_string(host.clone())));
    }
    if let Some(age) = facts.auth_age_s {
        pairs.push(("auth_age".to_owned(), seconds(age)));
    }
    if let Some(consented) = &facts.consented {
        let scopes = consented.iter().map(|scope| Value::new_entity_uid(uid(&names.scope, scope.as_str())));
        pairs.push(("consented".to_owned(), Value::new_set(scopes)));
    }
}

/// What a use question knows about the token.
pub struct TokenPairs<'a> {
    /// Its client.
    pub client: Option<EntityUid>,
    /// What it carries; none = there is no token.
    pub scopes: Option<&'a [Scope]>,
    /// How it was obtained.
    pub grant: Option<GrantType>,
    /// Seconds since it was issued.
    pub age_s: Option<u64>,
}

/// The circumstances of a use of a token or of administration.
pub fn use_context(
    names: &Names,
    now_ms: i64,
    ip: IpAddr,
    token: TokenPairs<'_>,
    http: Option<&HttpFacts>,
) -> Result<Context, String> {
    record(use_pairs(names, now_ms, ip, token, http)?)
}

/// The same, open for more.
pub fn use_pairs(
    names: &Names,
    now_ms: i64,
    ip: IpAddr,
    token: TokenPairs<'_>,
    http: Option<&HttpFacts>,
) -> Result<Pairs, String> {
    let mut pairs = moment(now_ms, ip);
    if let Some(client) = token.client {
        pairs.push(("client".to_owned(), Value::new_entity_uid(client)));
    }
    if let Some(scopes) = token.scopes {
        pairs.push(carried(names, scopes));
    }
    if let Some(grant) = token.grant.and_then(|grant| names.grant(grant)) {
        pairs.push(("grant".to_owned(), Value::new_entity_uid(grant.uid.clone())));
    }
    if let Some(age) = token.age_s {
        pairs.push(("age".to_owned(), seconds(age)));
    }
    if let Some(http) = http {
        pairs.push(request(names, http)?);
    }
    Ok(pairs)
}

/// The request, whose parameters and headers are entities of their own.
pub fn request(names: &Names, http: &HttpFacts) -> Result<(String, Value), String> {
    let fields = [
        ("method".to_owned(), Value::new_string(http.method.clone())),
        ("path".to_owned(), Value::new_string(http.path.clone())),
        ("params".to_owned(), Value::new_entity_uid(names.params.clone())),
        ("headers".to_owned(), Value::new_entity_uid(names.headers.clone())),
    ];
    Ok(("http".to_owned(), Value::new_record(fields).map_err(|error| error.to_string())?))
}

/// What a token carries, as actions.
pub fn carried(names: &Names, scopes: &[Scope]) -> (String, Value) {
    let actions = scopes.iter().filter_map(|scope| names.known(scope));
    let actions = actions.map(|known| Value::new_entity_uid(known.action.uid.clone()));
    ("scopes".to_owned(), Value::new_set(actions))
}

/// The entities whose tags are a request's parameters and headers.
pub fn http_entities(names: &Names, http: &HttpFacts) -> Result<[Entity; 2], String> {
    let tagged = |uid: &EntityUid, pairs: &[(String, String)]| {
        // A repeated name keeps its first value: what a proxy in front saw first.
        let mut tags: HashMap<String, Value> = HashMap::new();
        for (name, value) in pairs {
            tags.entry(name.clone()).or_insert_with(|| Value::new_string(value.clone()));
        }
        Entity::new_with_tags(uid.clone(), [], [], tags).map_err(|error| error.to_string())
    };
    Ok([tagged(&names.params, &http.params)?, tagged(&names.headers, &http.headers)?])
}

/// The circumstances that every question has.
pub fn moment(now_ms: i64, ip: IpAddr) -> Pairs {
    // Room for what the callers add.
    let mut pairs = Vec::with_capacity(12);
    pairs.push(("now".to_owned(), extension(&DATETIME, &datetime(now_ms))));
    // ::ffff:192.0.2.1 is 192.0.2.1: rules speak of the address, not of the socket's family.
    pairs.push(("ip".to_owned(), extension(&IP, &ip.to_canonical().to_string())));
    pairs
}

/// Makes a context of pairs.
pub fn record(pairs: Pairs) -> Result<Context, String> {
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

fn seconds(count: u64) -> Value {
    extension(&DURATION, &format!("{}s", count.min(LONGEST_S)))
}

// `RestrictedExpression::new_ip` and its like put the function's name through Cedar's parser at every call, which
// costs more than all the rest of a context: measured, 10 µs against 1. Here the names are parsed once.
static IP: LazyLock<Option<Name>> = LazyLock::new(|| Name::parse_unqualified_name("ip").ok());
static DATETIME: LazyLock<Option<Name>> = LazyLock::new(|| Name::parse_unqualified_name("datetime").ok());
static DURATION: LazyLock<Option<Name>> = LazyLock::new(|| Name::parse_unqualified_name("duration").ok());

/// The call of an extension's constructor. Without the name it is a text, which no typed policy accepts.
fn extension(name: &Option<Name>, argument: &str) -> Value {
    let argument = RestrictedExpr::val(argument);
    match name {
        Some(name) => RestrictedExpr::call_extension_fn(name.clone(), [argument]).into(),
        None => argument.into(),
    }
}

/// `2026-11-24T00:04:11.000Z`
pub fn datetime(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Civil date from days, after the well-known shift of the year to March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + year;
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    let mut text = String::with_capacity(24);
    let _ =
        write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_478_651_000, "2026-11-24T00:04:11.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(datetime(ms), text);
        }
    }
}
