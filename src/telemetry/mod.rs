//! What the server says of itself: log lines, security events, measurements. No floor below `flow` is named
//! here but the vocabulary, so that every floor above may speak.

mod metrics;

pub use metrics::Metrics;
