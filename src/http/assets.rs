//! Files that never change while the server runs: with a validator, cacheable, and compressed once.
//!
//! Nothing else is ever compressed: an answer that mixes secrets with what a caller sent would leak by its
//! length (attack row X8).

use std::sync::OnceLock;

use bytes::Bytes;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{CompressionAlgo, CompressionLevel};
use poem::{Endpoint, IntoResponse, Request, Response};
use sha2::{Digest, Sha256};

/// A file in memory.
#[derive(Debug)]
pub struct Asset {
    bytes: Bytes,
    content_type: &'static str,
    cache_control: &'static str,
    content_security_policy: Option<String>,
    /// Whether it is worth compressing.
    text: bool,
    /// Hexadecimal digest of the bytes.
    digest: String,
    compressed: OnceLock<Bytes>,
}

impl Asset {
    /// A file of a content type; text is compressed for those who accept it. It may be kept, but must be
    /// asked about each time.
    pub fn new(bytes: impl Into<Bytes>, content_type: &'static str) -> Self {
        let bytes = bytes.into();
        let digest = Sha256::digest(&bytes).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let text = !content_type.starts_with("image/") && !content_type.starts_with("font/");
        Self {
            bytes,
            content_type,
            cache_control: "no-cache",
            content_security_policy: None,
            text,
            digest,
            compressed: OnceLock::new(),
        }
    }

    /// For files that change with releases only: kept for an hour without asking.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.cache_control = "public, max-age=3600";
        self
    }

    /// With a policy of its own instead of the guard's.
    #[must_use]
    pub fn with_policy(mut self, policy: impl Into<String>) -> Self {
        self.content_security_policy = Some(policy.into());
        self
    }

    async fn gzip(&self) -> Bytes {
        if let Some(done) = self.compressed.get() {
            return done.clone();
        }
        // Two first callers may both compress; the results are the same.
        let body = Response::builder().body(self.bytes.clone());
        let smaller =
            poem::web::Compress::new(body, CompressionAlgo::GZIP).with_quality(CompressionLevel::Best);
        let smaller =
            smaller.into_response().into_body().into_bytes().await.unwrap_or_else(|_| self.bytes.clone());
        self.compressed.get_or_init(|| smaller).clone()
    }

    fn etag(&self, gzip: bool) -> String {
        format!("\"{}{}\"", self.digest, if gzip { "-gz" } else { "" })
    }
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let gzip = self.text && accepts_gzip(&request);
        let etag = self.etag(gzip);
        let known = request.header(header::IF_NONE_MATCH).is_some_and(|tags| names(tags, &etag));
        let mut response = Response::builder()
            .status(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK })
            .header(header::CACHE_CONTROL, self.cache_control)
            .header(header::ETAG, &etag)
            .finish();
        if self.text {
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Some(policy) = &self.content_security_policy {
            response
                .headers_mut()
                .extend(HeaderValue::from_str(policy).map(|value| (header::CONTENT_SECURITY_POLICY, value)));
        }
        if known {
            return Ok(response);
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.set_body(self.gzip().await);
        } else {
            response.set_body(self.bytes.clone());
        }
        Ok(response)
    }
}

/// Whether `Accept-Encoding` has gzip, and not with a weight of nothing (RFC 9110 §12.5.3).
fn accepts_gzip(request: &Request) -> bool {
    let lines =
        request.headers().get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let zero = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !zero
    })
}

/// Whether `If-None-Match` names the tag, weak or strong.
fn names(tags: &str, etag: &str) -> bool {
    tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag == etag)
}

#[cfg(test)]
mod tests {
    use poem::test::TestClient;

    use super::*;

    #[tokio::test]
    async fn an_asset_is_compressed_only_when_asked_and_known_by_its_tag() {
        let client = TestClient::new(Asset::new("text ".repeat(1_000), "text/plain; charset=utf-8").kept());
        let plain = client.get("/").send().await;
        assert!(plain.0.header("content-encoding").is_none());
        assert_eq!(plain.0.header("vary"), Some("accept-encoding"));
        let gzip = client.get("/").header("Accept-Encoding", "br, gzip;q=0.5").send().await;
        gzip.assert_header("content-encoding", "gzip");
        let tag = gzip.0.header("etag").unwrap().to_owned();
        assert_ne!(plain.0.header("etag"), Some(&*tag));
        assert!(gzip.0.into_body().into_bytes().await.unwrap().len() < 500);
        let known = client
            .get("/")
            .header("Accept-Encoding", "gzip")
            .header("If-None-Match", format!("W/\"x\", {tag}"));
        known.send().await.assert_status(StatusCode::NOT_MODIFIED);
        let refused = client.get("/").header("Accept-Encoding", "gzip;q=0").send().await;
        assert!(refused.0.header("content-encoding").is_none());
    }
}
