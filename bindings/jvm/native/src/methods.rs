//! The native methods, by the names that the virtual machine looks for.
//!
//! An operation takes a token, returns at once, and completes by [`completions`](Java_com_gossiperl_client_Native_completions). A call that answers at once answers with what
//! [`answer::outcome`] writes. All of them may be called by any number of threads.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use gossiperl_bindings::{Completions, Connection, CustomDigest, Error, Kind, runtime};
use jni::{
    Env, EnvUnowned,
    errors::{Result as JniResult, ThrowRuntimeExAndDefault},
    objects::{JByteArray, JClass},
    sys::{jint, jlong},
};
use zeroize::Zeroizing;

use crate::{
    answer::{self, Answer},
    arguments,
    handles::{self, Held},
    wire::{Reader, Writer},
};

/// What operations came to, of all clients.
static COMPLETIONS: LazyLock<Arc<Completions<Answer>>> = LazyLock::new(Arc::default);

/// Runs a method's body: a panic or an error of the virtual machine's becomes a Java exception.
fn border<'local, T: Default>(
    mut env: EnvUnowned<'local>,
    body: impl FnOnce(&mut Env<'local>) -> JniResult<T>,
) -> T {
    env.with_env(body).resolve::<ThrowRuntimeExAndDefault>()
}

/// An error as an answer.
fn failed(error: Error) -> Vec<u8> {
    answer::outcome(Err::<(), _>(error), |_, ()| {})
}

/// Makes a client without waiting for a session; answers its number.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_start<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JByteArray<'local>,
) -> JByteArray<'local> {
    border(env, |env| {
        let settings = Zeroizing::new(env.convert_byte_array(settings)?);
        let started = arguments::settings(&settings).and_then(|settings| Connection::start(&settings));
        env.byte_array_from_slice(&answer::outcome(started.map(handles::keep), Writer::i64))
    })
}

/// Makes a client and waits for its first session; completes with its number.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_connect<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    token: jlong,
    settings: JByteArray<'local>,
) {
    border(env, |env| {
        let settings = arguments::settings(&Zeroizing::new(env.convert_byte_array(settings)?));
        COMPLETIONS.start(token, async move {
            let connection = Connection::connect(&settings?).await?;
            Ok(Answer::Client(handles::keep(connection)))
        });
        Ok(())
    })
}

/// Lets a client go.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_free<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    border(env, |_| {
        handles::free(handle);
        Ok(())
    })
}

/// Where a client stands.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_state<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    border(env, |env| {
        let state = handles::find(handle).map(|held| held.connection.state());
        env.byte_array_from_slice(&answer::outcome(state, |writer, state| answer::state(writer, &state)))
    })
}

/// Adds a key of the overlay's ring.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_addKey<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    key: JByteArray<'local>,
) -> JByteArray<'local> {
    border(env, |env| {
        let key = Zeroizing::new(env.convert_byte_array(key)?);
        let added = handles::find(handle).and_then(|held| held.connection.add_key(&key));
        env.byte_array_from_slice(&answer::outcome(added, |_, ()| {}))
    })
}

/// Starts the operation of this number (`Operation` in Java) with an argument: a list of names for the first two, nothing for the others.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_operate<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    token: jlong,
    handle: jlong,
    operation: jint,
    argument: JByteArray<'local>,
) {
    border(env, |env| {
        let argument = env.convert_byte_array(argument)?;
        COMPLETIONS
            .start(token, async move { operate(&*handles::find(handle)?, operation, &argument).await });
        Ok(())
    })
}

async fn operate(held: &Held, operation: jint, argument: &[u8]) -> Result<Answer, Error> {
    let connection = &held.connection;
    match operation {
        0 => connection.subscribe(arguments::names(argument)?).await?,
        1 => connection.unsubscribe(arguments::names(argument)?).await?,
        2 => return Ok(Answer::Names(connection.subscriptions().await)),
        3 => connection.flush().await?,
        4 => return Ok(Answer::Members(connection.members().await?)),
        5 => return Ok(Answer::Members(connection.watch_members().await?)),
        6 => connection.drain().await?,
        7 => connection.close().await?,
        _ => return Err(Error::new(Kind::System, format!("there is no operation {operation}"))),
    }
    Ok(Answer::Done)
}

/// Publishes a message; completes when the daemon has taken responsibility for it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_publish<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    token: jlong,
    handle: jlong,
    event_type: JByteArray<'local>,
    payload: JByteArray<'local>,
) {
    border(env, |env| {
        let event_type = arguments::name(&env.convert_byte_array(event_type)?);
        let payload = env.convert_byte_array(payload)?;
        let held = handles::find(handle);
        COMPLETIONS.start(token, async move {
            held?.connection.publish(event_type?, &payload).await?;
            Ok(Answer::Done)
        });
        Ok(())
    })
}

/// Hands a message over: `null` where that is done, an empty array where there is no room for it, or an error.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_send<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    event_type: JByteArray<'local>,
    payload: JByteArray<'local>,
) -> JByteArray<'local> {
    border(env, |env| {
        let event_type = arguments::name(&env.convert_byte_array(event_type)?);
        let payload = env.convert_byte_array(payload)?;
        match event_type.and_then(|event_type| handles::find(handle)?.send_now(event_type, &payload)) {
            Ok(()) => Ok(JByteArray::null()),
            Err(error) if error.kind == Kind::Busy => env.byte_array_from_slice(&[]),
            Err(error) => env.byte_array_from_slice(&failed(error)),
        }
    })
}

/// Hands a message over now or not at all: `null` where that is done, or an error.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_trySend<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    event_type: JByteArray<'local>,
    payload: JByteArray<'local>,
) -> JByteArray<'local> {
    border(env, |env| {
        let event_type = arguments::name(&env.convert_byte_array(event_type)?);
        let payload = env.convert_byte_array(payload)?;
        match event_type.and_then(|event_type| handles::find(handle)?.send_now(event_type, &payload)) {
            Ok(()) => Ok(JByteArray::null()),
            Err(error) => env.byte_array_from_slice(&failed(error)),
        }
    })
}

/// Hands a message over as soon as there is room, after those that wait already; completes then.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_sendInTurn<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    token: jlong,
    handle: jlong,
    event_type: JByteArray<'local>,
    payload: JByteArray<'local>,
) {
    border(env, |env| {
        let event_type = arguments::name(&env.convert_byte_array(event_type)?);
        let payload = env.convert_byte_array(payload)?;
        let waiting = handles::find(handle).map(Held::take_turn);
        COMPLETIONS.start(token, async move {
            waiting?.send(event_type?, &payload).await?;
            Ok(Answer::Done)
        });
        Ok(())
    })
}

/// Waits for events, `max` at most; none when the milliseconds are over, `null` at the end.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_nextEvents<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    max: jint,
    milliseconds: jlong,
) -> JByteArray<'local> {
    border(env, |env| {
        let max = usize::try_from(max).unwrap_or(1);
        let timeout = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
        let next = handles::find(handle).and_then(|held| {
            let runtime = runtime()?;
            runtime.block_on(held.connection.next_events(max, Some(timeout)))
        });
        let batch = match next {
            Ok(None) => return Ok(JByteArray::null()),
            Ok(Some(batch)) => Ok(batch),
            Err(error) => Err(error),
        };
        let mut writer = Writer::with_capacity(batch.as_ref().map_or(0, |batch| answer::size(batch)));
        answer::put_outcome(&mut writer, batch, |writer, batch| answer::events(writer, &batch));
        env.byte_array_from_slice(&writer.into_bytes())
    })
}

/// Waits for completions of operations, `max` at most.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_completions<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    max: jint,
) -> JByteArray<'local> {
    border(env, |env| {
        let batch = COMPLETIONS.wait(usize::try_from(max).unwrap_or(1), None).unwrap_or_default();
        env.byte_array_from_slice(&answer::completions(batch))
    })
}

/// The fields of a digest as a payload.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_writeDigest<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    fields: JByteArray<'local>,
) -> JByteArray<'local> {
    border(env, |env| {
        let digest = arguments::digest(&env.convert_byte_array(fields)?);
        env.byte_array_from_slice(&answer::outcome(digest, |writer, digest| {
            let mut payload = Vec::with_capacity(digest.encoded_len());
            digest.write(&mut payload);
            writer.bytes(&payload);
        }))
    })
}

/// The fields of the digest that a payload is.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_readDigest<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    payload: JByteArray<'local>,
) -> JByteArray<'local> {
    border(env, |env| {
        let digest = CustomDigest::read(&env.convert_byte_array(payload)?).map_err(|error| {
            Error::new(Kind::Argument, format!("the payload is no digest: {error}; read it as bytes"))
        });
        env.byte_array_from_slice(&answer::outcome(digest, |writer, digest| answer::digest(writer, &digest)))
    })
}

/// The bytes that a text stands for.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_textToBytes<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    text: JByteArray<'local>,
) -> JByteArray<'local> {
    border(env, |env| {
        let bytes = Reader::new(&env.convert_byte_array(text)?).text();
        env.byte_array_from_slice(&answer::outcome(bytes, |writer, bytes| writer.bytes(&bytes)))
    })
}

/// The text that stands for bytes.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_gossiperl_client_Native_bytesToText<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    bytes: JByteArray<'local>,
) -> JByteArray<'local> {
    border(env, |env| {
        let mut writer = Writer::default();
        writer.text(&env.convert_byte_array(bytes)?);
        env.byte_array_from_slice(&writer.into_bytes())
    })
}
