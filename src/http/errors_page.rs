//! `/docs/errors`: what each error code means. `error_uri` of an error leads here; the page says nothing of policies.

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::page::{self, PageError};
use super::pairs::Pairs;
use crate::oauth::error_code;
use crate::pages::{ErrorCodeLine, ErrorCodesPage, Pages};

/// The page.
#[handler]
pub async fn errors_page(pages: Data<&Pages>, request: &Request) -> Result<Response, PageError> {
    let mut query = Pairs::from_query(request)?;
    let line = |known: &error_code::ErrorCode| ErrorCodeLine {
        code: known.code,
        meaning: known.meaning,
        remedy: known.remedy,
    };
    let view = ErrorCodesPage {
        codes: error_code::ALL.iter().map(line).collect(),
        request_id: query.take("request").filter(|id| error_code::is_request_id(id)),
    };
    Ok(page::html(StatusCode::OK, pages.render(&view)?))
}
