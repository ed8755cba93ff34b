//! Form bodies, parsed strictly: poem's own form takes what serde makes of it.

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::pairs::{Pairs, Text};
use super::problem::Problem;
use crate::oauth::reject::Reject;

/// What a form is turned into.
pub trait FromPairs: Sized {
    /// Takes what belongs to it and leaves what is unknown (RFC 6749 §3.2: "MUST ignore unrecognized
    /// request parameters").
    ///
    /// # Errors
    /// The first reason for which the parameters cannot be this.
    fn from_pairs(pairs: &mut Pairs) -> Result<Self, Reject>;
}

/// A form of the protocol's endpoints: each parameter once, none that stands in the query too
/// (attack rows A4-A7, A9, A11). Documents the schema of `T`.
#[derive(Clone, Debug)]
pub struct OAuthForm<T>(pub T);

/// A form of our own pages: check boxes repeat their name, text areas have lines.
#[derive(Clone, Debug)]
pub struct PageForm(pub Pairs);

impl<T: Type> Payload for OAuthForm<T> {
    const CONTENT_TYPE: &'static str = "application/x-www-form-urlencoded";

    fn check_content_type(content_type: &str) -> bool {
        is_form(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: FromPairs + Send> ParsePayload for OAuthForm<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let mut pairs = read(request, body, Text::Line).await?;
        let query = Pairs::from_query(request).map_err(Problem::from)?;
        if query.overlaps(&pairs) {
            return Err(
                Problem::from(Reject::Malformed("a parameter stands in the query and in the body")).into()
            );
        }
        pairs.once().map_err(Problem::from)?;
        Ok(Self(T::from_pairs(&mut pairs).map_err(Problem::from)?))
    }
}

impl<'a, T: FromPairs + Type> ApiExtractor<'a> for OAuthForm<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: <Self as Payload>::CONTENT_TYPE,
                schema: <Self as Payload>::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        <Self as ParsePayload>::from_request(request, body).await
    }
}

impl<'a> FromRequest<'a> for PageForm {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(read(request, body, Text::Lines).await?))
    }
}

async fn read(request: &Request, body: &mut RequestBody, text: Text) -> Result<Pairs, poem::Error> {
    if !request.content_type().is_some_and(is_form) {
        return Err(
            Problem::from(Reject::Malformed("the body must be application/x-www-form-urlencoded")).into()
        );
    }
    let bytes = body.take()?.into_bytes().await?;
    Ok(Pairs::parse(&bytes, text).map_err(Problem::from)?)
}

/// The media type of a form; the only charset is UTF-8 (attack row A9).
pub(super) fn is_form(content_type: &str) -> bool {
    media_type(content_type, "application/x-www-form-urlencoded")
}

/// Whether a `Content-Type` is `wanted`, without parameters or with `charset=UTF-8` only.
pub(super) fn media_type(content_type: &str, wanted: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_wanted = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
    is_wanted
        && parts.filter(|parameter| !parameter.is_empty()).all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("charset")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Two {
        a: String,
        b: Option<String>,
    }

    impl FromPairs for Two {
        fn from_pairs(pairs: &mut Pairs) -> Result<Self, Reject> {
            Ok(Self { a: pairs.require("a")?, b: pairs.take("b") })
        }
    }

    async fn parse(uri: &str, content_type: Option<&str>, body: &'static str) -> Result<Two, Reject> {
        let mut builder = Request::builder().uri_str(uri);
        if let Some(content_type) = content_type {
            builder = builder.content_type(content_type);
        }
        let (request, mut body) = builder.body(body).split();
        match <OAuthForm<Two> as ParsePayload>::from_request(&request, &mut body).await {
            Ok(OAuthForm(two)) => Ok(two),
            Err(error) => Err(error.downcast_ref::<Problem>().and_then(Problem::reject).cloned().unwrap()),
        }
    }

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    #[tokio::test]
    async fn a7_unknown_parameters_are_ignored_and_a6_empty_ones_absent() {
        let two = parse("/", FORM, "a=1&extra=foobar&b=").await.unwrap();
        assert_eq!(two, Two { a: "1".into(), b: None });
    }

    #[tokio::test]
    async fn a9_only_a_form_is_a_form() {
        for wrong in [
            None,
            Some("application/json"),
            Some("multipart/form-data; boundary=x"),
            Some("text/plain"),
            Some("application/x-www-form-urlencoded; charset=latin1"),
        ] {
            assert!(matches!(parse("/", wrong, "a=1").await, Err(Reject::Malformed(_))), "{wrong:?}");
        }
        for right in ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"]
        {
            assert!(parse("/", Some(right), "a=1").await.is_ok(), "{right}");
        }
    }

    #[tokio::test]
    async fn a4_a_repeated_parameter_is_refused() {
        assert_eq!(parse("/", FORM, "a=1&a=1").await, Err(Reject::Repeated("a".into())));
        assert_eq!(parse("/", FORM, "a=1&zz=1&zz=2").await, Err(Reject::Repeated("zz".into())));
    }

    #[tokio::test]
    async fn a5_a_parameter_in_query_and_body_is_refused() {
        assert!(matches!(parse("/?a=1", FORM, "a=1").await, Err(Reject::Malformed(_))));
        assert_eq!(parse("/?a=1", FORM, "b=1").await, Err(Reject::Missing("a")));
    }
}
