//! Consent: what a user is asked, what the user decides, what is remembered and withdrawn.

use std::sync::Arc;

use super::activity::{self, Did};
use super::authorize::{self, AuthorizationRequest, Target};
use super::caller::Caller;
use super::{Ask, explain, unasked};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::app::clock;
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::redirect_uri::RedirectUri;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::scope::{self, Scope};
use crate::oauth::secret::Kind;
use crate::oauth::user::User;
use crate::policy::explain::{Depth, Explanation, Why};
use crate::policy::{Answers, Asked, Decision, GrantFacts, GrantQuestion, Snapshot, Trace};
use crate::store::{CodeRow, ConsentKey, ConsentRow, Listed, NewConsent, Page};
use crate::telemetry::Event;

/// A user who is signed in, and since when.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub user: Arc<User>,
    /// When the password was given, in milliseconds.
    pub auth_time_ms: i64,
}

/// One scope as the consent page shows it.
#[derive(Clone, Debug)]
pub struct ScopeDetail {
    /// The scope.
    pub scope: Scope,
    /// The catalog's title of the action.
    pub title: String,
    /// The catalog's title of the content type.
    pub group: String,
    /// Whether the catalog marks the action.
    pub sensitive: bool,
    /// Whether the policy permits it for this user and client now.
    pub permitted: bool,
    /// Why not, for the user; [`tell_why`] fills it in.
    pub why: Option<Why>,
    /// Why not, for a user who may read policies.
    pub told: Option<Explanation>,
    /// Whether the user granted it before.
    pub granted: bool,
}

/// What a consent page needs.
#[derive(Clone, Debug)]
pub struct ConsentData {
    /// The client.
    pub client: Arc<ClientState>,
    /// The scopes that are asked for.
    pub scopes: Vec<ScopeDetail>,
    /// What the user granted this client before.
    pub granted: Vec<Scope>,
}

/// What the user decided.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Yes, to these; none = all that is permitted of what was asked for.
    Approve(Option<Vec<Scope>>),
    /// Yes, as before: nobody was asked.
    Remembered(Vec<Scope>),
    /// No.
    Deny,
}

/// Collects what a consent page shows.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn data(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    client: Arc<ClientState>,
    signed_in: &SignedIn,
    requested: Option<&[Scope]>,
) -> Result<ConsentData, Stop> {
    let granted = granted_before(app, &signed_in.user.id, client.client.id.as_str()).await?;
    let scopes: Vec<Scope> = requested.map_or_else(|| client.client.scopes.to_vec(), <[Scope]>::to_vec);
    let facts = probe_facts(app, ask, &client, signed_in, &scopes);
    let question = question(&client, &signed_in.user, &facts);
    let details = snapshot
        .preview(&question, &scopes)
        .into_iter()
        .map(|(scope, decision)| detail(snapshot, scope, &decision, &granted))
        .collect();
    Ok(ConsentData { client, scopes: details, granted })
}

fn detail(snapshot: &Snapshot, scope: Scope, decision: &Decision, granted: &[Scope]) -> ScopeDetail {
    let catalog = snapshot.catalog();
    let action = catalog.action(&scope);
    let (title, sensitive) = action.map_or_else(
        || (scope.as_str().to_owned(), false),
        |action| (action.title.clone(), action.sensitive),
    );
    let group = catalog
        .content_type(scope.content_type())
        .map_or_else(|| scope.content_type().to_owned(), |content_type| content_type.title.clone());
    ScopeDetail {
        title,
        group,
        sensitive,
        permitted: decision.allowed,
        why: None,
        told: None,
        granted: granted.contains(&scope),
        scope,
    }
}

/// Most refused scopes of one request that are explained one by one: whoever asks for more made them up.
const EXPLAINED: usize = 30;

/// Says of each refused scope why it is refused: to everybody in a word, and to those who may read policies with the
/// policies and what they lack. For requests that a person looks at; a remembered consent needs none of it.
pub fn tell_why(app: &App, ask: &Ask, data: &mut ConsentData, signed_in: &SignedIn) {
    let snapshot = app.policies.current();
    let reads = explain::may_read(app, ask, &Caller::signed_in(Arc::clone(&signed_in.user)));
    let asked: Vec<Scope> = data.scopes.iter().map(|detail| detail.scope.clone()).collect();
    let facts = probe_facts(app, ask, &data.client, signed_in, &asked);
    let question = question(&data.client, &signed_in.user, &facts);
    for detail in data.scopes.iter_mut().filter(|detail| !detail.permitted).take(EXPLAINED) {
        let asked = Asked::Grant(question, Some(&detail.scope));
        let told = snapshot.explain_decided(&asked, &snapshot.decide(&asked), Depth::Reason);
        detail.why = told.why();
        detail.told = Some(told).filter(|_| reads);
    }
}

async fn granted_before(app: &App, user: &str, client: &str) -> Result<Vec<Scope>, Fault> {
    let row = app.store.consent(user, client).await?;
    Ok(row.map(|row| scopes_of(&row)).unwrap_or_default())
}

/// The scopes of a consent row.
pub fn scopes_of(row: &ConsentRow) -> Vec<Scope> {
    scope::parse_list(&row.scopes).unwrap_or_default()
}

/// Facts for a question that is asked before the user has decided: what if all were ticked.
fn probe_facts(
    app: &App,
    ask: &Ask,
    client: &ClientState,
    signed_in: &SignedIn,
    scopes: &[Scope],
) -> GrantFacts {
    let host = client.client.redirect_uris.first().map(|(uri, _)| uri.host());
    GrantFacts {
        pkce: Some(Method::S256),
        redirect_loopback: client.client.redirect_uris.first().is_some_and(|(uri, _)| uri.is_loopback()),
        redirect_host: host,
        ..facts_of(app, ask, client, signed_in, scopes)
    }
}

fn facts_of(
    app: &App,
    ask: &Ask,
    client: &ClientState,
    signed_in: &SignedIn,
    consented: &[Scope],
) -> GrantFacts {
    let ttl_s = client.client.access_token_ttl.unwrap_or(app.config.tokens.access_ttl.0);
    GrantFacts {
        audience: vec![app.audience().to_owned()],
        auth_age_s: Some(u64::try_from((ask.now_ms - signed_in.auth_time_ms) / 1_000).unwrap_or(0)),
        consented: Some(consented.to_vec()),
        ..GrantFacts::new(ask.now_ms, ask.ip, ttl_s)
    }
}

fn question<'a>(client: &'a ClientState, user: &'a User, facts: &'a GrantFacts) -> GrantQuestion<'a> {
    GrantQuestion {
        client: &client.client,
        active: client.active,
        grant: GrantType::AuthorizationCode,
        user: Some(user),
        facts,
    }
}

/// Whether the user granted before all that is asked for now, so that nothing new need be asked.
pub fn is_remembered(data: &ConsentData) -> bool {
    let mut permitted = data.scopes.iter().filter(|scope| scope.permitted).peekable();
    permitted.peek().is_some() && permitted.all(|scope| scope.granted)
}

/// Carries out the user's decision; the answer is where the browser goes next.
///
/// # Errors
/// A fault of ours. Every refusal is an answer to the client, at its validated redirect URI.
pub async fn decide(
    app: &App,
    ask: &Ask,
    target: &Target,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    choice: Choice,
) -> Result<String, Fault> {
    match code_for(app, ask, target, request, signed_in, choice).await {
        Ok(code) => {
            let mut parameters = vec![("code", code.as_str())];
            if let Some(state) = &request.state {
                parameters.push(("state", state));
            }
            parameters.push(("iss", app.public.issuer()));
            Ok(target.redirect.with(&parameters))
        }
        Err(Stop::Reject(reject)) => {
            let client = request.client_id.as_str();
            Event::AuthorizationRefused { client, user: &signed_in.user.id, reject: &reject }.emit();
            unasked::refused(app, ask, Some(client), GrantType::AuthorizationCode.action(), &reject);
            Ok(authorize::error_redirect(app, &target.redirect, request.state.as_deref(), &reject))
        }
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

async fn code_for(
    app: &App,
    ask: &Ask,
    target: &Target,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    choice: Choice,
) -> Result<String, Stop> {
    let (ticked, by_hand) = match choice {
        Choice::Approve(ticked) => (ticked, true),
        Choice::Remembered(scopes) => (Some(scopes), false),
        Choice::Deny => return Err(Reject::AccessDenied.into()),
    };
    let snapshot = app.policies.current();
    let client = &target.client;
    // 1. What was ticked, never more than was asked for (attack row T11).
    let scopes = wanted(app, ask, &snapshot, client, request, signed_in, ticked).await?;
    // 2. The policy decides.
    let facts = request_facts(app, ask, client, request, signed_in, &scopes);
    let question = question(client, &signed_in.user, &facts);
    let (mut answers, started) = (Answers::default(), std::time::Instant::now());
    let permit = snapshot.issue_code_told(&question, &scopes, &mut answers);
    let trace = Trace { request_id: &ask.request_id, jti: None, took: started.elapsed() };
    app.decisions.granted(&app.store, &snapshot, &question, &answers, trace).await?;
    let permit = permit?;
    // 3. Remember the consent and keep the code, in one write.
    let permitted = permit.get();
    let (user, client_id) = (permitted.user.as_ref(), permitted.client.as_str());
    let code = clock::new_secret(Kind::Code)?;
    let row = CodeRow {
        hash: code.hash(),
        client_id: client_id.to_owned(),
        user_id: user.to_owned(),
        scopes: scope::join(&permitted.scopes),
        redirect_uri: request.redirect_uri.clone(),
        redirect_explicit: request.redirect_explicit,
        code_challenge: request.challenge.as_ref().map(|challenge| challenge.value.clone()),
        challenge_method: request.challenge.as_ref().map(|challenge| challenge.method.name().to_owned()),
        facts: serde_json::to_string(&facts).unwrap_or_default(),
        auth_time: Some(signed_in.auth_time_ms),
        created_at: ask.now_ms,
        expires_at: ask.now_ms + app.config.tokens.code_ttl.millis(),
        used_at: None,
        token_jti: None,
    };
    if by_hand {
        let consent = NewConsent {
            document_id: clock::new_id()?,
            user_id: user.to_owned(),
            client_id: client_id.to_owned(),
            scopes: permitted.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        };
        app.store.agree(consent, row, ask.now_ms).await?;
        activity::note(app, ask, user, Did::Allowed(client_id));
    } else if !app.store.rely(row).await? {
        // Withdrawn at this very moment: nobody agreed again.
        return Err(Reject::ConsentRequired.into());
    }
    Event::CodeIssued { client: client_id, user, scope: &scope::join(&permitted.scopes) }.emit();
    Ok(code.reveal().to_owned())
}

async fn wanted(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    client: &Arc<ClientState>,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    ticked: Option<Vec<Scope>>,
) -> Result<Vec<Scope>, Stop> {
    let asked = request.scopes.clone();
    let narrow = app.config.scopes.on_denied == crate::config::OnDenied::Narrow;
    let by_hand = ticked.is_some();
    let scopes: Vec<Scope> = match (asked, ticked) {
        (asked, Some(ticked)) => {
            let asked = asked.unwrap_or_else(|| client.client.scopes.to_vec());
            asked.into_iter().filter(|scope| ticked.contains(scope)).collect()
        }
        (Some(asked), None) if !narrow => asked,
        // All of the client's, or what may be narrowed: what the policy permits of it.
        (asked, None) => {
            let data = data(app, ask, snapshot, Arc::clone(client), signed_in, asked.as_deref()).await?;
            data.scopes.into_iter().filter(|detail| detail.permitted).map(|detail| detail.scope).collect()
        }
    };
    if scopes.is_empty() {
        // Nothing ticked means no (design §6); nothing permitted is told as such by the policy.
        let no = if by_hand || request.scopes.is_some() { Reject::AccessDenied } else { Reject::NoScope };
        return Err(no.into());
    }
    Ok(scopes)
}

fn request_facts(
    app: &App,
    ask: &Ask,
    client: &ClientState,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    scopes: &[Scope],
) -> GrantFacts {
    let uri = RedirectUri::parse(&request.redirect_uri).ok();
    GrantFacts {
        pkce: request.challenge.as_ref().map(|challenge| challenge.method),
        redirect_host: uri.as_ref().map(RedirectUri::host),
        redirect_loopback: uri.is_some_and(|uri| uri.is_loopback()),
        ..facts_of(app, ask, client, signed_in, scopes)
    }
}

/// The consents of a user.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn list(app: &App, user: &str, page: Page) -> Result<Listed<ConsentRow>, Fault> {
    app.store.consents_of_user(user, page).await
}

/// Withdraws a consent of the user's own: its tokens end at once. Answers the client.
///
/// # Errors
/// [`Reject::NotFound`] for another's consent as for none (attack row AA2), or a fault.
pub async fn withdraw(app: &App, ask: &Ask, user: &User, name: &str) -> Result<String, Stop> {
    let mut withdrawn = None;
    for key in [ConsentKey::Document(name.to_owned()), ConsentKey::Client(name.to_owned())] {
        if withdrawn.is_none() {
            withdrawn = app.store.withdraw(&user.id, key, ask.now_ms).await?;
        }
    }
    let row = withdrawn.ok_or(Reject::NotFound("consent"))?;
    Event::ConsentWithdrawn { client: &row.client_id, user: &user.id }.emit();
    Ok(row.client_id)
}
