//! Measurements.

/// All.
#[derive(Debug, Default)]
pub struct Metrics {}

impl Metrics {
    /// One request.
    pub fn http_request(&self, _route: &str, _method: &str, _status: u16, _took: std::time::Duration) {}
}
