//! Test vectors that the code makes: structs as [`fields`](super::fields), and the files they stand in.

use std::path::PathBuf;

use serde_json::{Value, json};
use thrift::protocol::{
    TFieldIdentifier, TListIdentifier, TMapIdentifier, TMessageIdentifier, TOutputProtocol, TSerializable,
    TSetIdentifier, TStructIdentifier,
};

use super::fields::{name, string, to_hex};

/// The fields of a generated struct, with their names.
pub(crate) fn fields(value: &impl TSerializable) -> Value {
    let mut writer = Writer::default();
    value.write_to_out_protocol(&mut writer).unwrap();
    writer.done["value"].take()
}

/// The vectors in `vectors/NAME`. They must be what the test makes of them now; `GOSSIPERL_WRITE_VECTORS=1` writes them anew,
/// after which the difference is to be read: vectors of a released protocol do not change, they are added to.
pub(crate) fn checked(name: &str, made: &Value) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap() + "\n";
    if std::env::var_os("GOSSIPERL_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, pretty(made)).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    let file: Value = serde_json::from_str(&file).unwrap_or_default();
    if &file != made {
        let (file, made) = (pretty(&file), pretty(made));
        let differs = file.lines().zip(made.lines()).find(|(file, made)| file != made);
        panic!(
            "{name} is not what the code makes; GOSSIPERL_WRITE_VECTORS=1 writes it anew. First line: {differs:?}"
        );
    }
    file
}

/// Collects what generated code writes.
#[derive(Default)]
struct Writer {
    open: Vec<Open>,
    done: Value,
}

enum Open {
    Struct(Vec<Value>),
    /// Id and name.
    Field(i16, String),
    /// Type of the elements.
    List(&'static str, Vec<Value>),
}

impl Writer {
    fn value(&mut self, value: Value) -> thrift::Result<()> {
        match self.open.pop() {
            Some(Open::Field(id, name)) => {
                let mut field = json!({ "id": id, "name": name });
                field.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
                match self.open.last_mut() {
                    Some(Open::Struct(fields)) => fields.push(field),
                    _ => panic!("a field outside a struct"),
                }
            }
            Some(Open::List(element, mut list)) => {
                list.push(value);
                self.open.push(Open::List(element, list));
            }
            Some(Open::Struct(_)) => panic!("a value without a field"),
            None => self.done = value,
        }
        Ok(())
    }
}

impl TOutputProtocol for Writer {
    fn write_struct_begin(&mut self, _: &TStructIdentifier) -> thrift::Result<()> {
        self.open.push(Open::Struct(Vec::new()));
        Ok(())
    }

    fn write_struct_end(&mut self) -> thrift::Result<()> {
        let Some(Open::Struct(fields)) = self.open.pop() else { panic!("no struct is open") };
        self.value(json!({ "type": "struct", "value": fields }))
    }

    fn write_field_begin(&mut self, identifier: &TFieldIdentifier) -> thrift::Result<()> {
        self.open.push(Open::Field(identifier.id.unwrap(), identifier.name.clone().unwrap()));
        Ok(())
    }

    fn write_list_begin(&mut self, identifier: &TListIdentifier) -> thrift::Result<()> {
        self.open.push(Open::List(name(identifier.element_type), Vec::new()));
        Ok(())
    }

    fn write_list_end(&mut self) -> thrift::Result<()> {
        let Some(Open::List(element, list)) = self.open.pop() else { panic!("no list is open") };
        self.value(json!({ "type": "list", "element": element, "value": list }))
    }

    fn write_bool(&mut self, value: bool) -> thrift::Result<()> {
        self.value(json!({ "type": "bool", "value": value }))
    }

    fn write_bytes(&mut self, value: &[u8]) -> thrift::Result<()> {
        self.value(json!({ "type": "binary", "hex": to_hex(value) }))
    }

    fn write_i8(&mut self, value: i8) -> thrift::Result<()> {
        self.value(json!({ "type": "byte", "value": value }))
    }

    fn write_i16(&mut self, value: i16) -> thrift::Result<()> {
        self.value(json!({ "type": "i16", "value": value }))
    }

    fn write_i32(&mut self, value: i32) -> thrift::Result<()> {
        self.value(json!({ "type": "i32", "value": value }))
    }

    fn write_i64(&mut self, value: i64) -> thrift::Result<()> {
        self.value(json!({ "type": "i64", "value": value.to_string() }))
    }

    fn write_double(&mut self, value: f64) -> thrift::Result<()> {
        self.value(json!({ "type": "double", "bits": format!("{:016x}", value.to_bits()), "value": value }))
    }

    fn write_string(&mut self, value: &str) -> thrift::Result<()> {
        self.value(Value::Object(string(value.as_bytes())))
    }

    fn write_field_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }

    fn write_field_stop(&mut self) -> thrift::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> thrift::Result<()> {
        Ok(())
    }

    fn write_message_begin(&mut self, _: &TMessageIdentifier) -> thrift::Result<()> {
        unused()
    }

    fn write_message_end(&mut self) -> thrift::Result<()> {
        unused()
    }

    fn write_uuid(&mut self, _: &uuid::Uuid) -> thrift::Result<()> {
        unused()
    }

    fn write_set_begin(&mut self, _: &TSetIdentifier) -> thrift::Result<()> {
        unused()
    }

    fn write_set_end(&mut self) -> thrift::Result<()> {
        unused()
    }

    fn write_map_begin(&mut self, _: &TMapIdentifier) -> thrift::Result<()> {
        unused()
    }

    fn write_map_end(&mut self) -> thrift::Result<()> {
        unused()
    }

    fn write_byte(&mut self, _: u8) -> thrift::Result<()> {
        unused()
    }
}

fn unused() -> thrift::Result<()> {
    panic!("gossiperl.thrift has no maps, sets, ids or services: teach the vectors about them")
}
