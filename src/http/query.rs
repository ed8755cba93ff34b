//! The query of a request, parsed strictly.

use poem::Request;

use super::pairs::{Pairs, Text};
use crate::oauth::reject::Reject;

impl Pairs {
    /// Decodes the query. Repeated parameters are kept, so that the authorization endpoint can show a page
    /// for `client_id` and `redirect_uri` and redirect for the rest (attack rows A1-A3, D2).
    ///
    /// # Errors
    /// `Malformed`, as [`Pairs::parse`].
    pub fn from_query(request: &Request) -> Result<Self, Reject> {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes(), Text::Line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_a_repeated_client_id_is_seen() {
        let request =
            Request::builder().uri_str("/oauth2/authorize?client_id=a&client_id=b&state=x").finish();
        let mut pairs = Pairs::from_query(&request).unwrap();
        assert!(pairs.is_repeated("client_id"));
        assert_eq!(pairs.repeated().collect::<Vec<_>>(), ["client_id"]);
        assert_eq!(pairs.take("state").as_deref(), Some("x"));
    }
}
