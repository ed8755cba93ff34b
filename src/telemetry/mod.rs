//! What the server says of itself: log lines, security events, measurements. Only the vocabulary is named
//! here, so that every floor above it may speak.

mod event;
mod lines;
mod log;
mod metrics;
mod sinks;

pub use event::{Event, reason};
pub use lines::Lines;
pub use log::{Log, LogLayer, Style, init};
pub use metrics::Metrics;
pub use sinks::Sinks;
