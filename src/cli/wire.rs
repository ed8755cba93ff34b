//! What subcommands say to a running server.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use url::Url;

use super::Failure;
use crate::guard::fetch::{self, FORM, Sent};

/// For a whole exchange.
const DEADLINE: Duration = Duration::from_secs(30);

/// An answer.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Sends a GET.
///
/// # Errors
/// Exit code 1: the server cannot be reached or does not answer in time.
pub async fn get(url: &str) -> Result<Answer, Failure> {
    send(url, Sent { method: &Method::GET, authorization: None, body: None }).await
}

/// Sends a GET with a bearer token.
///
/// # Errors
/// As [`get`].
pub async fn get_as(url: &str, token: &str) -> Result<Answer, Failure> {
    let authorization = format!("Bearer {token}");
    send(url, Sent { method: &Method::GET, authorization: Some(&authorization), body: None }).await
}

/// Posts a form.
///
/// # Errors
/// As [`get`].
pub async fn post_form(url: &str, fields: &[(&str, &str)]) -> Result<Answer, Failure> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let form = form.finish();
    send(url, Sent { method: &Method::POST, authorization: None, body: Some((FORM, &form)) }).await
}

/// Asks a server for an explanation, with the bearer token of the environment.
///
/// # Errors
/// As [`get`], and exit code 2 for what the server refuses.
pub async fn explain(server: &str, body: &serde_json::Value) -> Result<serde_json::Value, Failure> {
    let token = std::env::var("GRANTWOOD_TOKEN")
        .map_err(|_| Failure::Usage("GRANTWOOD_TOKEN holds no token for the server".to_owned()))?;
    let url = format!("{}/oauth2/decisions/explain", server.trim_end_matches('/'));
    let (authorization, body) = (format!("Bearer {}", token.trim()), body.to_string());
    let (authorization, body) = (Some(authorization.as_str()), Some(("application/json", body.as_str())));
    let answer = send(&url, Sent { method: &Method::POST, authorization, body }).await?;
    match answer.status {
        200 => Ok(answer.json()),
        status => {
            let text = answer.json();
            let message = text["error"]["message"].as_str().unwrap_or("no explanation");
            Err(Failure::Usage(format!("{status} {message}")))
        }
    }
}

async fn send(url: &str, sent: Sent<'_>) -> Result<Answer, Failure> {
    let parsed = Url::parse(url).map_err(|why| Failure::Usage(format!("{url}: {why}")))?;
    let answer = fetch::exchange(&parsed, sent, DEADLINE).await;
    let answer = answer.map_err(|why| Failure::Fault(format!("{url}: {why}")))?;
    Ok(Answer { status: answer.status, body: answer.body })
}
