//! Values on their way to JavaScript.

use gossiperl_bindings::{Error, text};
use napi::{
    bindgen_prelude::{BigInt, Buffer, Null, ToNapiValue, Utf16String},
    sys,
};

/// A value as JavaScript gets it: few kinds, so that any thread can make one; JavaScript gives them their shape.
pub enum Js {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    /// Exactly, as a BigInt.
    I64(i64),
    /// As a BigInt.
    U64(u64),
    Text(String),
    /// A name: text by the rule of [`text`].
    Name(Vec<u16>),
    Bytes(Vec<u8>),
    List(Vec<Js>),
}

impl Js {
    /// A name as text.
    pub(crate) fn name(name: &[u8]) -> Js {
        Js::Name(text::to_utf16(name))
    }

    /// Names as a list of texts.
    pub(crate) fn names<N: AsRef<[u8]>>(names: impl IntoIterator<Item = N>) -> Js {
        Js::List(names.into_iter().map(|name| Js::name(name.as_ref())).collect())
    }

    /// `[kind, message, option, code]`.
    pub(crate) fn error(error: Error) -> Js {
        Js::List(vec![
            Js::from(error.kind.as_str()),
            Js::Text(error.message),
            error.option.map_or(Js::Null, Js::from),
            error.code.map_or(Js::Null, |code| Js::Number(f64::from(code))),
        ])
    }

    /// Null, or the error: what functions answer that do not wait.
    pub(crate) fn done(result: Result<(), Error>) -> Js {
        result.map_or_else(Js::error, |()| Js::Null)
    }
}

impl From<&str> for Js {
    fn from(text: &str) -> Js {
        Js::Text(text.to_owned())
    }
}

impl ToNapiValue for Js {
    #[allow(unsafe_code)]
    unsafe fn to_napi_value(env: sys::napi_env, value: Js) -> napi::Result<sys::napi_value> {
        // SAFETY: our caller's `env` is the one whose thread we are on; it is handed on as it is.
        unsafe {
            match value {
                Js::Undefined => ToNapiValue::to_napi_value(env, ()),
                Js::Null => ToNapiValue::to_napi_value(env, Null),
                Js::Bool(value) => ToNapiValue::to_napi_value(env, value),
                Js::Number(value) => ToNapiValue::to_napi_value(env, value),
                Js::I64(value) => ToNapiValue::to_napi_value(env, BigInt::from(value)),
                Js::U64(value) => ToNapiValue::to_napi_value(env, BigInt::from(value)),
                Js::Text(value) => ToNapiValue::to_napi_value(env, value),
                Js::Name(value) => ToNapiValue::to_napi_value(env, Utf16String::from(value)),
                Js::Bytes(value) => ToNapiValue::to_napi_value(env, Buffer::from(value)),
                Js::List(values) => ToNapiValue::to_napi_value(env, values),
            }
        }
    }
}
