//! The way to an issuer, for the guard and for the command line: a request at a time, bounded in time and size, without
//! redirects.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

/// For a whole exchange.
const DEADLINE: Duration = Duration::from_secs(5);
/// Largest answer, in bytes: a page of revoked tokens is the longest.
const MOST: usize = 4 * 1024 * 1024;

/// What the issuer answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// A pending answer.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>>;

/// An HTTP client for the guard; [`Http`] is one.
pub trait Fetch: Send + Sync {
    /// Sends a GET.
    fn get<'a>(&'a self, url: &'a Url) -> Pending<'a>;

    /// Sends a GET with an `Authorization` header.
    fn get_as<'a>(&'a self, url: &'a Url, authorization: &'a str) -> Pending<'a>;

    /// Posts a form with an `Authorization` header.
    fn post_form<'a>(&'a self, url: &'a Url, authorization: &'a str, form: String) -> Pending<'a>;
}

/// The built-in client: HTTP/1.1, `https` with the system's certificates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http;

/// The type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A request to an issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    /// `GET` or `POST`.
    pub method: &'a Method,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// The body's type, and the body.
    pub body: Option<(&'a str, &'a str)>,
}

impl Fetch for Http {
    fn get<'a>(&'a self, url: &'a Url) -> Pending<'a> {
        Box::pin(send(url, Sent { method: &Method::GET, authorization: None, body: None }))
    }

    fn get_as<'a>(&'a self, url: &'a Url, authorization: &'a str) -> Pending<'a> {
        Box::pin(send(url, Sent { method: &Method::GET, authorization: Some(authorization), body: None }))
    }

    fn post_form<'a>(&'a self, url: &'a Url, authorization: &'a str, form: String) -> Pending<'a> {
        Box::pin(async move {
            let (authorization, body) = (Some(authorization), Some((FORM, form.as_str())));
            send(url, Sent { method: &Method::POST, authorization, body }).await
        })
    }
}

/// `Authorization` of a client with a secret (RFC 6749 §2.3.1).
pub(super) fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}

async fn send(url: &Url, sent: Sent<'_>) -> Result<Answer, FetchError> {
    exchange(url, sent, DEADLINE).await
}

/// Sends a request and reads the answer, both within a time.
///
/// # Errors
/// What stood in the way.
pub(crate) async fn exchange(url: &Url, sent: Sent<'_>, deadline: Duration) -> Result<Answer, FetchError> {
    tokio::time::timeout(deadline, exchanged(url, sent))
        .await
        .unwrap_or_else(|_| Err("no answer in time".to_owned()))
        .map_err(FetchError)
}

async fn exchanged(url: &Url, sent: Sent<'_>) -> Result<Answer, String> {
    let host = url.host_str().ok_or("no host")?;
    let port = url.port_or_known_default().ok_or("no port")?;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = Request::builder().method(sent.method).uri(target).header(header::HOST, named);
    if let Some(value) = sent.authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    if let Some((kind, _)) = sent.body {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let body = sent.body.map(|(_, body)| Bytes::copy_from_slice(body.as_bytes()));
    let request = request
        .header(header::ACCEPT, "application/json, application/jwt")
        .body(Full::new(body.unwrap_or_default()))
        .map_err(|error| error.to_string())?;
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((plain, port)).await.map_err(|error| error.to_string())?;
    match url.scheme() {
        "https" => over(tls(plain, stream).await?, request).await,
        "http" => over(stream, request).await,
        other => Err(format!("{other} is neither http nor https")),
    }
}

async fn over<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let driver = tokio::spawn(connection);
    let answered = async {
        let response = sender.send_request(request).await.map_err(text)?;
        let status = response.status().as_u16();
        let header = response.headers().get(header::CACHE_CONTROL);
        let cache_control = header.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let body =
            Limited::new(response.into_body(), MOST).collect().await.map_err(|error| error.to_string())?;
        Ok(Answer { status, cache_control, body: body.to_bytes() })
    }
    .await;
    driver.abort();
    answered
}

async fn tls(host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    });
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connector = TlsConnector::from(Arc::clone(config.as_ref().map_err(String::clone)?));
    connector.connect(name, stream).await.map_err(|error| error.to_string())
}
