//! Users of another application, recognised by that application's own JWT: at the two consent calls and nowhere
//! else. It is never an access token, and never a key to management.

use super::Ask;
use super::caller;
use super::consent::SignedIn;
use super::sign_in::admitted;
use crate::app::App;
use crate::app::trusted::Trusted;
use crate::app::users::{canonical, user_of};
use crate::config::UserMatch;
use crate::oauth::assertion::Expectation;
use crate::oauth::assertion::user::UnverifiedUserToken;
use crate::oauth::reject::{Reject, Stop};

/// How far the other application's clock may run ahead, in seconds.
const SKEW_S: u64 = 60;

/// The user who decides about consent: by a token of `/auth/local`, or by one of a trusted issuer.
///
/// # Errors
/// [`Reject::TokenMissing`], [`Reject::TokenInvalid`], or a fault.
pub async fn consenting_user(app: &App, ask: &Ask, token: Option<&str>) -> Result<SignedIn, Stop> {
    match caller::user_token(app, ask, token).await {
        Err(Stop::Reject(Reject::TokenInvalid)) if !app.trusted.is_empty() => {
            let token = token.ok_or(Reject::TokenMissing)?;
            by_issuer(app, ask, token).await
        }
        known => known,
    }
}

/// Steps in order: the form, the issuer, its algorithms, signature and claims, the user, the policy.
async fn by_issuer(app: &App, ask: &Ask, token: &str) -> Result<SignedIn, Stop> {
    let no = || Reject::TokenInvalid;
    // A `typ` other than JWT, such as an access token's, ends here.
    let unverified = UnverifiedUserToken::parse(token).map_err(|_| no())?;
    let trusted = app.trusted.iter().find(|one| one.issuer == unverified.unverified_issuer());
    let trusted = trusted.ok_or_else(no)?;
    let expectation = Expectation {
        now_ms: ask.now_ms,
        max_ttl_s: trusted.max_ttl_s,
        skew_s: SKEW_S,
        audiences: &[trusted.audience.as_str()],
        allow_audience_array: true,
        require_jti: false,
    };
    let verified = unverified.verify(&trusted.keys, &expectation, &trusted.claim).map_err(|_| no())?;
    let (_, mut signed_in) = local_user(app, ask, trusted, &verified.named).await?;
    signed_in.auth_time_ms = verified.issued_ms;
    Ok(signed_in)
}

async fn local_user(
    app: &App,
    ask: &Ask,
    trusted: &Trusted,
    named: &str,
) -> Result<(crate::policy::permit::Permit<crate::policy::permit::SignIn>, SignedIn), Stop> {
    let row = match trusted.matches {
        UserMatch::Id => app.store.user(named).await?,
        UserMatch::Email | UserMatch::Username => {
            let name = canonical(named);
            let row = app.store.user_by_identifier(&name).await?;
            // A name that is another's address, or the other way round, names nobody.
            row.filter(|row| match trusted.matches {
                UserMatch::Email => row.email == name,
                _ => row.username_key == name,
            })
        }
    };
    let user = user_of(row.ok_or(Reject::TokenInvalid)?)?;
    admitted(app, ask, user).map_err(|stop| match stop {
        Stop::Reject(_) => Reject::TokenInvalid.into(),
        fault => fault,
    })
}
