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

/// Posts a form.
///
/// # Errors
/// As [`get`].
pub async fn post_form(url: &str, fields: &[(&str, &str)]) -> Result<Answer, Failure> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    send(Method::POST, url, form.finish()).await
}

async fn send(method: Method, url: &str, body: String) -> Result<Answer, Failure> {
    tokio::time::timeout(Duration::from_secs(30), exchange(method, url, body))
        .await
        .map_err(|_| Failure::Fault(format!("{url} does not answer")))?
        .map_err(|why| Failure::Fault(format!("{url}: {why}")))
}

async fn exchange(method: Method, url: &str, body: String) -> Result<Answer, String> {
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
    let request = Request::builder()
        .method(method)
        .uri(url[url::Position::BeforePath..].to_owned())
        .header(header::HOST, format!("{host}:{port}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| e.to_string())?;
    let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
    Ok(Answer { status, body })
}
