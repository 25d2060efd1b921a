//! A struct's fields as JSON, and from and to bytes without knowing the struct: a third opinion beside the generated and
//! the hand-written code.
//!
//! A field is `{"id", "name" (where known), "type", "value"}`. Integers of 64 bits are decimal text, because not every
//! language's JSON holds them; bytes that are not UTF-8, and those of
//! a `binary` where the type is known, are `"hex"` instead of `"value"`; and a double has its `"bits"`.

use serde_json::{Map, Value, json};
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TOutputProtocol, TStructIdentifier, TType,
};

/// The fields of the struct that `protocol` stands before.
pub(crate) fn read_struct(protocol: &mut dyn TInputProtocol) -> thrift::Result<Value> {
    protocol.read_struct_begin()?;
    let mut fields = Vec::new();
    loop {
        let field = protocol.read_field_begin()?;
        if field.field_type == TType::Stop {
            break;
        }
        let mut described = json!({ "id": field.id });
        let value = read_value(protocol, field.field_type)?;
        described.as_object_mut().unwrap().extend(value);
        fields.push(described);
        protocol.read_field_end()?;
    }
    protocol.read_struct_end()?;
    Ok(Value::Array(fields))
}

/// Writes the struct with these fields.
pub(crate) fn write_struct(protocol: &mut dyn TOutputProtocol, fields: &Value) -> thrift::Result<()> {
    protocol.write_struct_begin(&TStructIdentifier::new(""))?;
    for field in fields.as_array().expect("fields are a list") {
        let id = i16::try_from(field["id"].as_i64().expect("id")).expect("id");
        let kind = kind(&field["type"]);
        protocol.write_field_begin(&TFieldIdentifier::new("", kind, id))?;
        write_value(protocol, kind, field)?;
        protocol.write_field_end()?;
    }
    protocol.write_field_stop()?;
    protocol.write_struct_end()
}

/// The same fields without their names: bytes don't have them.
pub(crate) fn without_names(fields: &Value) -> Value {
    match fields {
        Value::Array(values) => values.iter().map(without_names).collect(),
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter(|(key, _)| *key != "name")
                .map(|(key, value)| (key.clone(), without_names(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// What describes a string: its text, or its bytes.
pub(crate) fn string(bytes: &[u8]) -> Map<String, Value> {
    let value = match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "type": "string", "value": text }),
        Err(_) => json!({ "type": "string", "hex": to_hex(bytes) }),
    };
    object(value)
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2) && text.is_ascii(), "hex: {text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn read_value(protocol: &mut dyn TInputProtocol, kind: TType) -> thrift::Result<Map<String, Value>> {
    Ok(object(match kind {
        TType::Bool => json!({ "type": "bool", "value": protocol.read_bool()? }),
        TType::I08 => json!({ "type": "byte", "value": protocol.read_i8()? }),
        TType::I16 => json!({ "type": "i16", "value": protocol.read_i16()? }),
        TType::I32 => json!({ "type": "i32", "value": protocol.read_i32()? }),
        TType::I64 => json!({ "type": "i64", "value": protocol.read_i64()?.to_string() }),
        TType::Double => {
            let value = protocol.read_double()?;
            json!({ "type": "double", "bits": format!("{:016x}", value.to_bits()), "value": value })
        }
        TType::String => return Ok(string(&protocol.read_bytes()?)),
        TType::Struct => json!({ "type": "struct", "value": read_struct(protocol)? }),
        TType::List => {
            let list = protocol.read_list_begin()?;
            let values = (0..list.size)
                .map(|_| read_value(protocol, list.element_type).map(Value::Object))
                .collect::<thrift::Result<Vec<_>>>()?;
            json!({ "type": "list", "element": name(list.element_type), "value": values })
        }
        other => panic!("no vector has a {other:?}"),
    }))
}

fn write_value(protocol: &mut dyn TOutputProtocol, kind: TType, described: &Value) -> thrift::Result<()> {
    let value = &described["value"];
    let integer = || value.as_i64().expect("an integer");
    match kind {
        TType::Bool => protocol.write_bool(value.as_bool().expect("a bool")),
        TType::I08 => protocol.write_i8(integer() as i8),
        TType::I16 => protocol.write_i16(integer() as i16),
        TType::I32 => protocol.write_i32(integer() as i32),
        TType::I64 => protocol.write_i64(value.as_str().and_then(|text| text.parse().ok()).expect("an i64")),
        TType::Double => {
            let bits = described["bits"].as_str().and_then(|bits| u64::from_str_radix(bits, 16).ok());
            protocol.write_double(f64::from_bits(bits.expect("the bits of a double")))
        }
        TType::String => match described["hex"].as_str() {
            Some(hex) => protocol.write_bytes(&from_hex(hex)),
            None => protocol.write_bytes(value.as_str().expect("text").as_bytes()),
        },
        TType::Struct => write_struct(protocol, value),
        TType::List => {
            let element = self::kind(&described["element"]);
            let values = value.as_array().expect("a list");
            protocol.write_list_begin(&TListIdentifier::new(element, values.len() as i32))?;
            values.iter().try_for_each(|value| write_value(protocol, element, value))?;
            protocol.write_list_end()
        }
        other => panic!("no vector has a {other:?}"),
    }
}

const TYPES: [(&str, TType); 10] = [
    ("bool", TType::Bool),
    ("byte", TType::I08),
    ("i16", TType::I16),
    ("i32", TType::I32),
    ("i64", TType::I64),
    ("double", TType::Double),
    ("string", TType::String),
    ("struct", TType::Struct),
    ("list", TType::List),
    // On the wire the same as a string.
    ("binary", TType::String),
];

fn kind(name: &Value) -> TType {
    let found = TYPES.iter().find(|(known, _)| Some(*known) == name.as_str());
    found.unwrap_or_else(|| panic!("unknown type {name}")).1
}

pub(crate) fn name(kind: TType) -> &'static str {
    TYPES.iter().find(|(_, known)| *known == kind).unwrap_or_else(|| panic!("unknown type {kind:?}")).0
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("an object was meant: {other}"),
    }
}
