//! A message published from outside: typed fields, validated, encoded as clients encode theirs.

use std::net::{IpAddr, SocketAddr};

use axum::http::StatusCode;
use gossiperl_client::{CustomDigest, Value as Field};
use gossiperl_overlay::NotSent;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::refusals::{OfBody, OfOverlay};
use crate::rest::{
    answer::{Json, JsonObject},
    auth::Overlay,
    problem::{Code, Problem, ProblemBody},
};

/// Where the message goes if not to every subscriber.
const IP: &str = "recipient_ip";
const PORT: &str = "recipient_port";
/// Fields of a message.
const MOST_FIELDS: usize = 1_024;

/// The message was taken.
#[derive(Serialize, ToSchema)]
pub(super) struct Taken {
    /// `ok`.
    status: &'static str,
}

/// A message, understood.
#[derive(Debug, PartialEq)]
struct Message {
    to: Option<SocketAddr>,
    event_type: String,
    digest: CustomDigest,
}

/// Publishes a message of typed fields: `{"someType": [{"field_name": value, "string": 1}, …]}`, each field an object of two keys, the field's name with its
/// value, and its Thrift type (`bool`, `byte`, `i16`, `i32`, `i64`, `double`, `string`) with its id. With `recipient_ip` and `recipient_port` it goes to that address of
/// this host alone, in protocol 1, once.
#[utoipa::path(
    post, path = "/digest/{overlay}", tag = "messages", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    request_body(
        content = serde_json::Map<String, serde_json::Value>, content_type = "application/json",
        example = json!({"temperature": [{"room": "attic", "string": 1}, {"degrees": 21.5, "double": 2}]}),
    ),
    responses(
        (status = 202, body = Taken, content_type = "application/json"),
        OfBody,
        OfOverlay,
        (status = 409, description = "bad_digest", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "busy, stopping", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn publish(
    Overlay(running): Overlay,
    JsonObject(body): JsonObject,
) -> Result<Json<Taken>, Problem> {
    let message = read(&body).map_err(|text| Problem::new(Code::BadDigest, text))?;
    let mut payload = Vec::with_capacity(message.digest.encoded_len());
    message.digest.write(&mut payload);
    let taken = running.handle().publish(message.to, message.event_type.into_bytes(), payload).await?;
    taken.map_err(|error| {
        let code = match error {
            NotSent::Busy => Code::Busy,
            NotSent::Leaving => Code::Stopping,
            NotSent::Switched | NotSent::Elsewhere | NotSent::Type | NotSent::TooLarge => Code::BadDigest,
        };
        Problem::new(code, error.to_string())
    })?;
    Ok(Json(StatusCode::ACCEPTED, Taken { status: "ok" }))
}

fn read(body: &Map<String, Value>) -> Result<Message, String> {
    let to = read_recipient(body)?;
    let mut types = body.iter().filter(|(key, _)| ![IP, PORT].contains(&key.as_str()));
    let (event_type, fields) =
        types.next().ok_or("the message has no type: write {\"someType\": [ fields ]}")?;
    if let Some((other, _)) = types.next() {
        return Err(format!("there are two types, {event_type:?} and {other:?}; one message has one"));
    }
    let fields = fields.as_array().ok_or_else(|| format!("{event_type:?} must be a list of fields"))?;
    if fields.len() > MOST_FIELDS {
        return Err(format!("{event_type:?} has {} fields; at most {MOST_FIELDS} are allowed", fields.len()));
    }
    let mut digest = CustomDigest::new();
    for (place, field) in fields.iter().enumerate() {
        let (id, value) = read_field(field).map_err(|text| format!("field {}: {text}", place + 1))?;
        if digest.set(id, value).is_some() {
            return Err(format!("field {}: the id {id} is used twice", place + 1));
        }
    }
    Ok(Message { to, event_type: event_type.clone(), digest })
}

fn read_recipient(body: &Map<String, Value>) -> Result<Option<SocketAddr>, String> {
    let (ip, port) = match (body.get(IP), body.get(PORT)) {
        (None, None) => return Ok(None),
        (Some(ip), Some(port)) => (ip, port),
        _ => return Err(format!("{IP} and {PORT} belong together; one of them is missing")),
    };
    let ip = ip.as_str().and_then(|ip| ip.parse::<IpAddr>().ok());
    let port = port.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    match (ip, port) {
        (Some(ip), Some(port)) => Ok(Some(SocketAddr::new(ip, port))),
        (None, _) => Err(format!("{IP} is no IP address")),
        (_, None) => Err(format!("{PORT} is no port from 1 to 65535")),
    }
}

/// One field: its id and value.
fn read_field(field: &Value) -> Result<(i16, Field), String> {
    let form = "a field is an object of two keys, {\"name\": value, \"string\": 1}";
    let field = field.as_object().filter(|field| field.len() == 2).ok_or(form)?;
    let mut named: Option<(&str, &Value)> = None;
    let mut typed: Option<(&str, &Value)> = None;
    // A field may be called like a type: then the one with an id for a value is the type, the later where both have.
    for (key, value) in field {
        let is_type = TYPES.contains(&key.as_str()) && is_id(value);
        match (is_type, typed) {
            (true, None) => typed = Some((key, value)),
            (true, Some(earlier)) => {
                named = Some(earlier);
                typed = Some((key, value));
            }
            (false, _) => named = Some((key, value)),
        }
    }
    let ((name, value), (kind, id)) = named.zip(typed).ok_or_else(|| {
        format!(
            "{form}; the types are {}, and an id is a whole number from -32768 to 32767",
            TYPES.join(", ")
        )
    })?;
    let id = id.as_i64().and_then(|id| i16::try_from(id).ok()).ok_or(form)?;
    let value = read_value(kind, value).ok_or_else(|| format!("the value of {name:?} is no {kind}"))?;
    Ok((id, value))
}

const TYPES: [&str; 7] = ["bool", "byte", "i16", "i32", "i64", "double", "string"];

fn is_id(value: &Value) -> bool {
    value.as_i64().is_some_and(|id| i16::try_from(id).is_ok())
}

fn read_value(kind: &str, value: &Value) -> Option<Field> {
    let integer = value.as_i64();
    match kind {
        "bool" => value.as_bool().map(Field::Bool),
        "byte" => integer.and_then(|value| i8::try_from(value).ok()).map(Field::Byte),
        "i16" => integer.and_then(|value| i16::try_from(value).ok()).map(Field::I16),
        "i32" => integer.and_then(|value| i32::try_from(value).ok()).map(Field::I32),
        "i64" => integer.map(Field::I64),
        "double" => value.as_f64().map(Field::Double),
        "string" => value.as_str().map(|text| Field::String(text.as_bytes().to_vec())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn understood(body: Value) -> Result<Message, String> {
        read(body.as_object().expect("an object"))
    }

    #[test]
    fn fields_of_every_type_are_read() {
        let message = understood(json!({ "reading": [
            { "on": true, "bool": 1 }, { "small": -128, "byte": 2 }, { "short": 32767, "i16": 3 },
            { "int": -2147483648_i64, "i32": 4 }, { "long": i64::MAX, "i64": 5 }, { "real": 1, "double": 6 },
            { "text": "grüße", "string": 7 }, { "string": "called like a type", "string2": 0 },
        ] }));
        assert!(message.is_err(), "string2 is no type");
        let message = understood(json!({ "reading": [
            { "on": true, "bool": 1 }, { "small": -128, "byte": 2 }, { "short": 32767, "i16": 3 },
            { "int": -2147483648_i64, "i32": 4 }, { "long": i64::MAX, "i64": 5 }, { "real": 1, "double": 6 },
            { "text": "grüße", "string": 7 }, { "byte": "called like a type", "string": 8 },
        ] }));
        let digest = CustomDigest::new()
            .with(1, true)
            .with(2, Field::Byte(-128))
            .with(3, Field::I16(32_767))
            .with(4, Field::I32(i32::MIN))
            .with(5, Field::I64(i64::MAX))
            .with(6, 1.0)
            .with(7, "grüße")
            .with(8, "called like a type");
        assert_eq!(message, Ok(Message { to: None, event_type: "reading".to_owned(), digest }));
    }

    #[test]
    fn a_recipient_is_an_address_and_a_port() {
        let to =
            |ip: Value, port: Value| understood(json!({ "t": [], IP: ip, PORT: port })).map(|read| read.to);
        assert_eq!(to(json!("127.0.0.1"), json!(7_000)), Ok(Some(([127, 0, 0, 1], 7_000).into())));
        for (ip, port) in [
            (json!("here"), json!(1)),
            (json!("::1"), json!(0)),
            (json!("::1"), json!(65_536)),
            (json!(1), json!("1")),
        ] {
            assert!(to(ip.clone(), port.clone()).is_err(), "{ip} {port}");
        }
        assert!(understood(json!({ "t": [], IP: "::1" })).is_err());
    }

    #[test]
    fn what_is_of_another_form_is_refused_with_its_place() {
        for (body, words) in [
            (json!({}), "no type"),
            (json!({ "a": [], "b": [] }), "two types"),
            (json!({ "a": {} }), "list"),
            (json!({ "a": [1] }), "field 1"),
            (json!({ "a": [{ "x": 1, "i32": 1 }, { "y": 1, "i32": 1 }] }), "field 2: the id 1 is used twice"),
            (json!({ "a": [{ "x": 1 }] }), "two keys"),
            (json!({ "a": [{ "x": 128, "byte": 1 }] }), "no byte"),
            (json!({ "a": [{ "x": 1.5, "i64": 1 }] }), "no i64"),
            (json!({ "a": [{ "x": 1, "i64": 40_000 }] }), "an id"),
            (json!({ "a": [{ "x": "1", "i64": 1 }] }), "no i64"),
            (json!({ "a": [{ "x": null, "string": 1 }] }), "no string"),
        ] {
            let refused = understood(body.clone()).expect_err("refused");
            assert!(refused.contains(words), "{body}: {refused}");
        }
    }
}
