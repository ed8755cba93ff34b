//! Token and code requests that are refused before the policy is asked: an unknown client, a code that was used, a
//! redirect URI that nobody registered. No policy decided them, and they belong to the record of decisions all the same.

use super::Ask;
use crate::app::App;
use crate::oauth::client::is_name;
use crate::oauth::reject::Reject;
use crate::policy::record::Unasked;
use crate::telemetry::reason;

/// Records a refusal, unless it is one of the policy, which was recorded with its question.
pub fn refused(app: &App, ask: &Ask, client: Option<&str>, action: &str, reject: &Reject) {
    if matches!(reject, Reject::Policy { .. } | Reject::ScopeDenied { .. } | Reject::NoScope) {
        return;
    }
    let wire = reject.wire();
    let unasked = Unasked {
        now_ms: ask.now_ms,
        ip: ask.ip,
        request_id: &ask.request_id,
        // A name that nobody checked may be anything, a secret in the wrong field included.
        client: client.filter(|name| is_name(name)),
        action,
        reason: &reason(reject),
        error: &wire.error,
    };
    app.decisions.unasked(app.policies.current().revision(), &unasked);
}
