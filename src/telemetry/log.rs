//! Log lines: for people on a terminal, one JSON object each otherwise. Whatever a field holds, it stays one
//! line and cannot steer a terminal (attack row W3).

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::sync::Arc;

use serde::ser::{SerializeMap, Serializer as _};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::lines::Lines;
use super::sinks::Sinks;

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Style {
    /// Pretty if standard error is a terminal.
    pub fn auto() -> Self {
        if io::stderr().is_terminal() { Self::Pretty } else { Self::Json }
    }
}

/// The log of a process. Dropped = what waits is written, as far as somebody reads it.
pub struct Log(Arc<Lines<String>>);

impl Log {
    /// How many lines were lost since this was asked last, because nobody read them.
    pub fn take_lost(&self) -> u64 {
        self.0.take_lost()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Starts logging to standard error, once in the life of a process. Panics are logged as well. No request waits for
/// whoever reads the log: lines that are not read in time are lost and counted.
///
/// `filter` has the form of `info` or `warn,grantwood::event=info`; targets worth naming are
/// `grantwood::request` (a line for each request) and `grantwood::event` (security events).
///
/// # Errors
/// A filter that cannot be read, or logging that was started before.
pub fn init(style: Style, filter: &str) -> Result<Log, String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("log.filter: {error}"))?;
    let sinks = Sinks { stderr: true, ..Sinks::default() };
    let lines = Lines::of_text("log", sinks).map_err(|error| error.to_string())?.ok_or("no log")?;
    let lines = Arc::new(lines);
    let theirs = Arc::clone(&lines);
    let layer = LogLayer::new(style, move |line| {
        // What is lost is counted: a log that cannot be written is no reason to stop.
        theirs.push(line.to_owned());
    });
    tracing_subscriber::registry().with(filter).with(layer).try_init().map_err(|error| error.to_string())?;
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let message =
            text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
        tracing::error!(event = "panic", place, message);
    }));
    Ok(Log(lines))
}

/// Turns events into lines and gives each to a function.
pub struct LogLayer<W> {
    style: Style,
    write: W,
}

impl<W: Fn(&str) + Send + Sync + 'static> LogLayer<W> {
    /// Writes lines, each with its line feed, to `write`.
    pub fn new(style: Style, write: W) -> Self {
        Self { style, write }
    }
}

/// Fields in the order in which they came.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // Milliseconds with more than three decimals are noise.
        self.0.push((field.name(), ((value * 1e3).round() / 1e3).into()));
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.0.iter().cloned());
            }
        }
        // A line says when it was written, whatever time the request was given.
        #[allow(clippy::disallowed_methods)]
        let now = OffsetDateTime::now_utc();
        let line = match self.style {
            Style::Pretty => pretty(now, event.metadata(), &fields),
            Style::Json => json(now, event.metadata(), &fields),
        };
        (self.write)(&line);
    }
}

fn json(now: OffsetDateTime, metadata: &Metadata<'_>, fields: &Fields) -> String {
    let mut plain = object(now, metadata, fields).unwrap_or_default();
    if plain.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        plain.push('\n');
        return plain;
    }
    // The serializer escapes what JSON demands; a terminal and an editor demand more.
    let mut line = String::with_capacity(plain.len() + 1);
    for c in plain.chars() {
        if steers(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

/// The line's object; of two fields with one name the first stays, the event's own before those of its spans.
fn object(now: OffsetDateTime, metadata: &Metadata<'_>, fields: &Fields) -> serde_json::Result<String> {
    let mut text = Vec::with_capacity(512);
    let mut writer = serde_json::Serializer::new(&mut text);
    let mut map = writer.serialize_map(None)?;
    map.serialize_entry("time", &now.format(&Rfc3339).unwrap_or_default())?;
    map.serialize_entry("level", metadata.level().as_str())?;
    map.serialize_entry("target", metadata.target())?;
    for (index, (name, value)) in fields.0.iter().enumerate() {
        let before = fields.0.iter().take(index).any(|(other, _)| other == name);
        if !before && !matches!(*name, "time" | "level" | "target") {
            map.serialize_entry(name, value)?;
        }
    }
    SerializeMap::end(map)?;
    Ok(String::from_utf8(text).unwrap_or_default())
}

fn pretty(now: OffsetDateTime, metadata: &Metadata<'_>, fields: &Fields) -> String {
    let (hour, minute, second, milli) = (now.hour(), now.minute(), now.second(), now.millisecond());
    let mut line = format!("{hour:02}:{minute:02}:{second:02}.{milli:03} {:<5}", metadata.level().as_str());
    for leading in ["event", "message"] {
        for (_, value) in fields.0.iter().filter(|(name, _)| *name == leading) {
            line.push(' ');
            push_text(&mut line, value.as_str().unwrap_or_default());
        }
    }
    for (name, value) in fields.0.iter().filter(|(name, _)| !matches!(*name, "event" | "message")) {
        let _ = write!(line, " {name}=");
        match value {
            Value::String(text) if text.is_empty() || text.contains([' ', '"', '=']) => {
                line.push('"');
                push_text(&mut line, &text.replace('"', "'"));
                line.push('"');
            }
            Value::String(text) => push_text(&mut line, text),
            other => push_text(&mut line, &other.to_string()),
        }
    }
    line.push('\n');
    line
}

fn push_text(line: &mut String, text: &str) {
    for c in text.chars() {
        if steers(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
}

/// Whether a character moves the cursor, breaks the line or turns the direction of writing.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What is written while `act` runs.
    fn lines(style: Style, act: impl FnOnce()) -> String {
        let written = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&written);
        let layer = LogLayer::new(style, move |line| sink.lock().unwrap().push_str(line));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), act);
        let written = written.lock().unwrap();
        written.clone()
    }

    const EVIL: &str = "a\r\n{\"level\":\"ERROR\"}\u{1b}[31m\u{9b}\u{202e}\u{2028}é";

    #[test]
    fn w3_one_event_is_one_line() {
        for style in [Style::Pretty, Style::Json] {
            let line = lines(style, || tracing::info!(event = "x", evil = EVIL, shown = %EVIL, "{EVIL}"));
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(!line.trim_end().chars().any(steers), "{line:?}");
            assert!(line.contains('é'));
        }
    }

    #[test]
    fn json_lines_have_the_request_id_of_their_span() {
        let line = lines(Style::Json, || {
            tracing::error_span!("request", request_id = "r1").in_scope(|| {
                tracing::info!(event = "token.issued", status = 200_u16, ms = 1.23456, none = None::<&str>)
            });
        });
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["request_id"], &line["event"]), (&"r1".into(), &"token.issued".into()));
        assert_eq!((&line["status"], &line["ms"]), (&200.into(), &1.235.into()));
        assert!(line["time"].is_string() && line["level"] == "INFO" && line.get("none").is_none());
    }

    #[test]
    fn pretty_lines_begin_with_the_event() {
        let line =
            lines(Style::Pretty, || tracing::warn!(event = "login.failed", ip = "::1", note = "two words"));
        assert!(line.contains("WARN  login.failed ip=::1 note=\"two words\"\n"), "{line}");
    }

    #[test]
    fn w3_json_escapes_stay_json() {
        let line = lines(Style::Json, || tracing::info!(evil = EVIL));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["evil"], EVIL);
    }
}
