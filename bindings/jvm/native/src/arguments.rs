//! What Java hands over, read.

use gossiperl_bindings::{CustomDigest, Error, Kind, Name, Settings, Value};
use zeroize::Zeroizing;

use crate::wire::Reader;

/// The options of a connection.
pub(crate) fn settings(bytes: &[u8]) -> Result<Settings, Error> {
    let mut reader = Reader::new(bytes);
    let overlay = reader.option(text)?;
    let port = reader.i64()?;
    let name = reader.text().map_err(|error| Error::option("name", error))?;
    let secret = reader.bytes()?.to_vec();
    let key = reader.bytes()?.to_vec();
    let mut settings = Settings::new(port, name, key);
    settings.overlay = overlay;
    settings.secret = Zeroizing::new(secret);
    settings.additional_keys = reader.list(|reader| Ok(Zeroizing::new(reader.bytes()?.to_vec())))?;
    settings.protocol = reader.option(Reader::i64)?;
    settings.address = reader.option(text)?;
    settings.connect_timeout = reader.option(Reader::f64)?;
    settings.close_timeout = reader.option(Reader::f64)?;
    settings.publish_window = reader.option(Reader::i64)?;
    settings.publish_window_bytes = reader.option(Reader::i64)?;
    settings.delivery_buffer = reader.option(Reader::i64)?;
    settings.delivery_buffer_bytes = reader.option(Reader::i64)?;
    settings.slow_policy = reader.option(text)?;
    Ok(settings)
}

/// One name.
pub(crate) fn name(bytes: &[u8]) -> Result<Name, Error> {
    Ok(Name::from(Reader::new(bytes).text()?))
}

/// A list of names.
pub(crate) fn names(bytes: &[u8]) -> Result<Vec<Name>, Error> {
    Reader::new(bytes).list(|reader| Ok(Name::from(reader.text()?)))
}

/// The fields of a digest: a list of id, kind and value.
pub(crate) fn digest(bytes: &[u8]) -> Result<CustomDigest, Error> {
    let mut digest = CustomDigest::new();
    Reader::new(bytes).list(|reader| {
        let id = reader.i16()?;
        let value = match reader.u8()? {
            0 => Value::Bool(reader.bool()?),
            1 => Value::Byte(reader.i8()?),
            2 => Value::I16(reader.i16()?),
            3 => Value::I32(reader.i32()?),
            4 => Value::I64(reader.i64()?),
            5 => Value::Double(reader.f64()?),
            6 => Value::String(reader.bytes()?.to_vec()),
            kind => {
                let message = format!("a digest's field of kind {kind}, which there is not");
                return Err(Error::new(Kind::Argument, message));
            }
        };
        digest.set(id, value);
        Ok(())
    })?;
    Ok(digest)
}

fn text(reader: &mut Reader<'_>) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&reader.text()?).into_owned())
}
