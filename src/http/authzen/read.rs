//! JSON becomes questions. Required members are checked, unknown ones ignored.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::field;
use super::page::Kind;
use crate::flow::authzen::search::Wanted;
use crate::flow::authzen::{
    Action, Circumstances, MOST_EVALUATIONS, Question, Resource, Semantic, Subject, Who,
};
use crate::oauth::reject::Reject;
use crate::policy::{HttpFacts, Properties};

/// Longest identifier, type or name, in bytes.
const LONGEST: usize = 1_024;

/// Where a value stands, for the caller.
type Name = &'static str;

/// Items that are questions or errors of their own, and when to stop.
pub type Questions = (Vec<Result<Question, String>>, Semantic);

/// Reads one question.
pub fn question(body: &Value, asserts: bool) -> Result<Question, Reject> {
    let context = Arc::new(circumstances(body.get("context"), asserts)?);
    Ok(Question {
        subject: subject(body.get("subject"))?,
        action: action(body.get("action"))?,
        resource: resource(body.get("resource"))?,
        context,
    })
}

/// Reads many questions; nothing where there are no items. A wrong item is an error of its own.
pub fn questions(body: &Value, asserts: bool) -> Result<Option<Questions>, Reject> {
    let semantic = semantic(body.get("options"))?;
    let items = match body.get("evaluations") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(items)) if items.is_empty() => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(field("evaluations", "must be a list")),
    };
    if items.len() > MOST_EVALUATIONS {
        return Err(field("evaluations", format!("has at most {MOST_EVALUATIONS} items")));
    }
    let shared = Arc::new(circumstances(body.get("context"), asserts)?);
    let read = |item: &Value| merged(body, item, &shared, asserts).map_err(|reject| text(&reject));
    Ok(Some((items.iter().map(read).collect(), semantic)))
}

fn text(reject: &Reject) -> String {
    reject.wire().description.into_owned()
}

/// An item with what the request gives for what it leaves out. A member of the item takes the whole place of the
/// request's, but for the names without which there is no question.
fn merged(
    body: &Value,
    item: &Value,
    shared: &Arc<Circumstances>,
    asserts: bool,
) -> Result<Question, Reject> {
    if !item.is_object() {
        return Err(field("evaluations", "must be objects"));
    }
    let member = |name: &str, required: &[&str]| match (item.get(name), body.get(name)) {
        (None | Some(Value::Null), default) => default.cloned(),
        (Some(Value::Object(own)), Some(Value::Object(default))) => {
            let mut own = own.clone();
            for key in required {
                if let (None, Some(value)) = (own.get(*key), default.get(*key)) {
                    own.insert((*key).to_owned(), value.clone());
                }
            }
            Some(Value::Object(own))
        }
        (Some(own), _) => Some(own.clone()),
    };
    let context = match item.get("context") {
        None | Some(Value::Null) => Arc::clone(shared),
        own => Arc::new(circumstances(own, asserts)?),
    };
    Ok(Question {
        subject: subject(member("subject", &["type", "id"]).as_ref())?,
        action: action(member("action", &["name"]).as_ref())?,
        resource: resource(member("resource", &["type", "id"]).as_ref())?,
        context,
    })
}

fn semantic(options: Option<&Value>) -> Result<Semantic, Reject> {
    let named = match options {
        None | Some(Value::Null) => return Ok(Semantic::ExecuteAll),
        Some(Value::Object(options)) => options.get("evaluations_semantic"),
        Some(_) => return Err(field("options", "must be an object")),
    };
    match named {
        None => Ok(Semantic::ExecuteAll),
        Some(Value::String(name)) if name == "execute_all" => Ok(Semantic::ExecuteAll),
        Some(Value::String(name)) if name == "deny_on_first_deny" => Ok(Semantic::DenyOnFirstDeny),
        Some(Value::String(name)) if name == "permit_on_first_permit" => Ok(Semantic::PermitOnFirstPermit),
        Some(_) => Err(field(
            "options.evaluations_semantic",
            "is execute_all, deny_on_first_deny or permit_on_first_permit",
        )),
    }
}

/// Reads a search.
pub fn wanted(body: &Value, kind: Kind, asserts: bool) -> Result<(Wanted, Arc<Circumstances>), Reject> {
    let context = Arc::new(circumstances(body.get("context"), asserts)?);
    let typed = |name: Name, inner: Name| {
        let object = object(body.get(name), name)?;
        Ok::<_, Reject>((required(object, "type", inner)?, properties(object, name)?))
    };
    let wanted = match kind {
        Kind::Subject => {
            let (kind, properties) = typed("subject", "subject.type")?;
            let (action, resource) = (action(body.get("action"))?, resource(body.get("resource"))?);
            Wanted::Subjects { kind, properties, action, resource }
        }
        Kind::Resource => {
            let (kind, properties) = typed("resource", "resource.type")?;
            let (subject, action) = (subject(body.get("subject"))?, action(body.get("action"))?);
            Wanted::Resources { subject, action, kind, properties }
        }
        Kind::Action => {
            let (subject, resource) = (subject(body.get("subject"))?, resource(body.get("resource"))?);
            Wanted::Actions { subject, resource }
        }
    };
    Ok((wanted, context))
}

fn subject(value: Option<&Value>) -> Result<Subject, Reject> {
    let object = object(value, "subject")?;
    let (kind, id) = (required(object, "type", "subject.type")?, required(object, "id", "subject.id")?);
    Ok(Subject { who: Who::Named { kind, id }, properties: properties(object, "subject")? })
}

fn action(value: Option<&Value>) -> Result<Action, Reject> {
    let object = object(value, "action")?;
    Ok(Action { name: required(object, "name", "action.name")?, properties: properties(object, "action")? })
}

fn resource(value: Option<&Value>) -> Result<Resource, Reject> {
    let object = object(value, "resource")?;
    Ok(Resource {
        kind: required(object, "type", "resource.type")?,
        id: required(object, "id", "resource.id")?,
        properties: properties(object, "resource")?,
    })
}

fn object(value: Option<&Value>, name: Name) -> Result<&Map<String, Value>, Reject> {
    match value {
        Some(Value::Object(object)) => Ok(object),
        None | Some(Value::Null) => Err(field(name, "is required")),
        Some(_) => Err(field(name, "must be an object")),
    }
}

fn required(object: &Map<String, Value>, key: &str, name: Name) -> Result<String, Reject> {
    match object.get(key) {
        Some(Value::String(text)) if !text.is_empty() && text.len() <= LONGEST => Ok(text.clone()),
        None | Some(Value::Null) => Err(field(name, "is required")),
        Some(_) => Err(field(name, format!("must be a text of 1 to {LONGEST} bytes"))),
    }
}

fn properties(of: &Map<String, Value>, name: Name) -> Result<Properties, Reject> {
    match of.get("properties") {
        None | Some(Value::Null) => Ok(Properties::default()),
        Some(Value::Object(object)) => Properties::of_json(object).map_err(|why| field(name, why)),
        Some(_) => Err(field(name, "properties must be an object")),
    }
}

/// Reads the circumstances. What is not going to be believed is not read either.
fn circumstances(value: Option<&Value>, asserts: bool) -> Result<Circumstances, Reject> {
    let context = match value {
        None | Some(Value::Null) => return Ok(Circumstances::default()),
        Some(value) => object(Some(value), "context")?,
    };
    let text = |key: &str, name: Name| match context.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(field(name, "must be a text")),
    };
    let mut read = Circumstances {
        token: text("token", "context.token")?.map(ToOwned::to_owned),
        client: text("client", "context.client")?.map(ToOwned::to_owned),
        ..Circumstances::default()
    };
    if asserts {
        let ip = |text: &str| text.parse::<IpAddr>().map_err(|_| field("context.ip", "is no address"));
        read.ip = text("ip", "context.ip")?.map(ip).transpose()?;
        let moment = |text: &str| moment(text).ok_or_else(|| field("context.time", "is no time of RFC 3339"));
        read.time_ms = text("time", "context.time")?.map(moment).transpose()?;
        read.http = context.get("http").filter(|http| !http.is_null()).map(http).transpose()?;
    }
    Ok(read)
}

/// A time of RFC 3339, also without seconds, as the specification's examples have it.
fn moment(text: &str) -> Option<i64> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
        let at = text.find(['T', 't'])? + "T18:03".len();
        let (head, zone) = (text.get(..at)?, text.get(at..)?);
        zone.starts_with(['+', '-', 'Z', 'z'])
            .then(|| OffsetDateTime::parse(&format!("{head}:00{zone}"), &Rfc3339).ok())
            .flatten()
    })?;
    i64::try_from(parsed.unix_timestamp_nanos() / 1_000_000).ok()
}

fn http(value: &Value) -> Result<HttpFacts, Reject> {
    let object = object(Some(value), "context.http")?;
    let pairs = |key: &str, name: Name| match object.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(pairs)) => pairs
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| field(name, "must have texts")),
        Some(_) => Err(field(name, "must be an object")),
    };
    let headers = pairs("headers", "context.http.headers")?;
    Ok(HttpFacts {
        method: required(object, "method", "context.http.method")?.to_ascii_uppercase(),
        path: required(object, "path", "context.http.path")?,
        params: pairs("params", "context.http.params")?,
        headers: headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_specifications_examples() {
        assert_eq!(moment("2025-06-27T18:03-07:00"), moment("2025-06-27T18:03:00-07:00"));
        assert_eq!(moment("1985-10-26T01:22-07:00"), Some(499_162_920_000));
        for bad in [
            "",
            "T",
            "2025-06-27",
            "2025-06-27T18",
            "2025-06-27T18:03",
            "\u{e9}T18:0\u{e9}:00Z",
            "2025-13-27T18:03Z",
        ] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
