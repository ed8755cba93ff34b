//! A small HTTP client for subcommands that talk to a running server on this machine.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

use super::Failure;

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
    send(Method::GET, url, String::new()).await
}

/// Sends a GET with a bearer token.
///
/// # Errors
/// As [`get`].
pub async fn get_as(url: &str, token: &str) -> Result<Answer, Failure> {
    let request =
        Request::builder().method(Method::GET).header(header::AUTHORIZATION, format!("Bearer {token}"));
    tokio::time::timeout(Duration::from_secs(30), exchange(request, url, String::new()))
        .await
        .map_err(|_| Failure::Fault(format!("{url} does not answer")))?
        .map_err(|why| Failure::Fault(format!("{url}: {why}")))
}

/// Posts a form.
///
/// # Errors
/// As [`get`].
pub async fn post_form(url: &str, fields: &[(&str, &str)]) -> Result<Answer, Failure> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    send(Method::POST, url, form.finish()).await
}

/// Asks a server for an explanation, with the bearer token of the environment.
///
/// # Errors
/// As [`get`], and exit code 2 for what the server refuses.
pub async fn explain(server: &str, body: &serde_json::Value) -> Result<serde_json::Value, Failure> {
    let token = std::env::var("GRANTWOOD_TOKEN")
        .map_err(|_| Failure::Usage("GRANTWOOD_TOKEN holds no token for the server".to_owned()))?;
    let url = format!("{}/oauth2/decisions/explain", server.trim_end_matches('/'));
    let request = Request::builder()
        .method(Method::POST)
        .header(header::AUTHORIZATION, format!("Bearer {}", token.trim()))
        .header(header::CONTENT_TYPE, "application/json");
    let sent = tokio::time::timeout(Duration::from_secs(30), exchange(request, &url, body.to_string()));
    let answer = sent
        .await
        .map_err(|_| Failure::Fault(format!("{url} does not answer")))?
        .map_err(|why| Failure::Fault(format!("{url}: {why}")))?;
    match answer.status {
        200 => Ok(answer.json()),
        status => {
            let text = answer.json();
            let message = text["error"]["message"].as_str().unwrap_or("no explanation");
            Err(Failure::Usage(format!("{status} {message}")))
        }
    }
}

async fn send(method: Method, url: &str, body: String) -> Result<Answer, Failure> {
    let request =
        Request::builder().method(method).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    tokio::time::timeout(Duration::from_secs(30), exchange(request, url, body))
        .await
        .map_err(|_| Failure::Fault(format!("{url} does not answer")))?
        .map_err(|why| Failure::Fault(format!("{url}: {why}")))
}

async fn exchange(request: hyper::http::request::Builder, url: &str, body: String) -> Result<Answer, String> {
    let url = Url::parse(url).map_err(|e| e.to_string())?;
    if url.scheme() != "http" {
        return Err("only http is spoken here; name the server's own address with --server".to_owned());
    }
    let host = url.host_str().unwrap_or("127.0.0.1");
    let port = url.port_or_known_default().unwrap_or(80);
    let stream =
        TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(|e| e.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    let request = request
        .uri(url[url::Position::BeforePath..].to_owned())
        .header(header::HOST, format!("{host}:{port}"))
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| e.to_string())?;
    let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
    Ok(Answer { status, body })
}
