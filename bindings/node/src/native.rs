//! A client as the package's JavaScript holds it.

use std::{
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
};

use gossiperl_bindings::{Connection, Error, Kind, Name, State, runtime, text};
use napi::bindgen_prelude::{Function, Utf16String};
use napi_derive::napi;
use tokio::sync::watch;

use crate::{
    answers::Answers,
    batch::{self, MAX_EVENTS},
    event,
    settings::NativeSettings,
    value::Js,
};

/// A client. Every method that takes a `number` answers under it, later and once; the others answer at once, with null or an error.
///
/// What is under way holds the connection, and ends as this is dropped: when it is collected, or its worker ends.
#[napi]
pub struct Native {
    /// Nothing once it is released.
    client: Option<Client>,
}

struct Client {
    held: Held,
    answers: Answers,
    /// Dropped with this; whoever is under way sees that.
    here: watch::Sender<()>,
}

#[napi]
impl Native {
    /// A client that is yet to be connected or started, once. The listener gets answers: `[number, error, value, …]`.
    #[napi(constructor)]
    pub fn new(listener: Function<'_, Vec<Js>, ()>) -> napi::Result<Native> {
        let answers = Answers::new(&listener)?;
        Ok(Native { client: Some(Client { held: Held::default(), answers, here: watch::Sender::new(()) }) })
    }

    /// Connects, and waits for the first session.
    #[napi]
    pub fn connect(&self, number: u32, settings: NativeSettings) {
        let settings = settings.settings();
        self.ask(number, |held| async move {
            held.set(Connection::connect(&settings?).await?);
            Ok(Js::Undefined)
        });
    }

    /// Starts without waiting.
    #[napi]
    pub fn start(&self, settings: NativeSettings) -> Js {
        let connection = settings.settings().and_then(|settings| Connection::start(&settings));
        Js::done(connection.and_then(|connection| {
            self.client()?.held.set(connection);
            Ok(())
        }))
    }

    /// Publishes, and waits for the acknowledgement.
    #[napi]
    pub fn publish(&self, number: u32, event_type: Utf16String, payload: &[u8]) {
        let (event_type, payload) = (name(&event_type), payload.to_vec());
        self.ask(number, |held| async move { held.get()?.publish(event_type?, &payload).await.map(nothing) });
    }

    /// Hands over as soon as there is room.
    #[napi]
    pub fn send(&self, number: u32, event_type: Utf16String, payload: &[u8]) {
        let (event_type, payload) = (name(&event_type), payload.to_vec());
        self.ask(number, |held| async move { held.get()?.send(event_type?, &payload).await.map(nothing) });
    }

    /// Hands over many of one type, in order; their bytes are in one piece.
    #[napi]
    pub fn send_all(&self, number: u32, event_type: Utf16String, payloads: &[u8], lengths: &[u32]) {
        let messages = name(&event_type).and_then(|name| cut(&name, payloads, lengths));
        self.ask(number, |held| async move { held.get()?.send_all(messages?).await.map(nothing) });
    }

    /// Hands over now or not at all.
    #[napi]
    pub fn try_send(&self, event_type: Utf16String, payload: &[u8]) -> Js {
        let sent = name(&event_type).and_then(|name| self.client()?.held.get()?.try_send(name, payload));
        Js::done(sent)
    }

    /// Waits for all acknowledgements.
    #[napi]
    pub fn flush(&self, number: u32) {
        self.ask(number, |held| async move { held.get()?.flush().await.map(nothing) });
    }

    /// Subscribes.
    #[napi]
    pub fn subscribe(&self, number: u32, event_types: Vec<Utf16String>) {
        let event_types = names(&event_types);
        self.ask(number, |held| async move { held.get()?.subscribe(event_types?).await.map(nothing) });
    }

    /// Ends subscriptions.
    #[napi]
    pub fn unsubscribe(&self, number: u32, event_types: Vec<Utf16String>) {
        let event_types = names(&event_types);
        self.ask(number, |held| async move { held.get()?.unsubscribe(event_types?).await.map(nothing) });
    }

    /// The types subscribed to.
    #[napi]
    pub fn subscriptions(&self, number: u32) {
        self.ask(number, |held| async move { Ok(Js::names(held.get()?.subscriptions().await)) });
    }

    /// The members.
    #[napi]
    pub fn members(&self, number: u32) {
        self.ask(number, |held| async move { held.get()?.members().await.map(event::members) });
    }

    /// The members, and every change from now on.
    #[napi]
    pub fn watch_members(&self, number: u32) {
        self.ask(number, |held| async move { held.get()?.watch_members().await.map(event::members) });
    }

    /// Ends subscriptions and waits for acknowledgements.
    #[napi]
    pub fn drain(&self, number: u32) {
        self.ask(number, |held| async move { held.get()?.drain().await.map(nothing) });
    }

    /// Closes.
    #[napi]
    pub fn close(&self, number: u32) {
        self.ask(number, |held| async move { held.get()?.close().await.map(nothing) });
    }

    /// A batch of at most `max` events, as soon as there is one; null at the end.
    #[napi]
    pub fn next_events(&self, number: u32, max: u32) {
        let max = max.clamp(1, MAX_EVENTS) as usize;
        self.ask(number, |held| async move {
            Ok(held.get()?.next_events(max, None).await?.map_or(Js::Null, batch::encode))
        });
    }

    /// Adds a key to those it opens with.
    #[napi]
    pub fn add_key(&self, key: &[u8]) -> Js {
        Js::done(self.client().and_then(|client| client.held.get()?.add_key(key)))
    }

    /// `[state, daemon]`, the daemon's name being null while there is none.
    #[napi]
    pub fn state(&self) -> Js {
        let client = self.client.as_ref();
        let state = client
            .map_or(State::Closed, |client| client.held.get().map_or(State::Connecting, Connection::state));
        let name = Js::from(state.name());
        let daemon = match state {
            State::Connected(daemon) => Js::name(&daemon),
            _ => Js::Null,
        };
        Js::List(vec![name, daemon])
    }

    /// Lets go of everything at once; whatever is under way answers no more.
    #[napi]
    pub fn release(&mut self) {
        self.client = None;
    }

    fn client(&self) -> Result<&Client, Error> {
        self.client.as_ref().ok_or_else(|| Error::new(Kind::Closed, "the client is closed: make a new one"))
    }

    /// Asks the connection on the client's thread. Who is released is asked nothing.
    fn ask<F>(&self, number: u32, what: impl FnOnce(Held) -> F)
    where
        F: Future<Output = Result<Js, Error>> + Send + 'static,
    {
        let Some(client) = &self.client else { return };
        let (what, mut here) = (what(client.held.clone()), client.here.subscribe());
        let answer = client.answers.to(number);
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return answer.give(Err(error)),
        };
        // The first step is taken here and now: tasks start in any order, and messages keep theirs.
        let mut what = Box::pin(what);
        let begun = {
            let _inside = runtime.enter();
            what.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        if let Poll::Ready(result) = begun {
            return answer.give(result);
        }
        runtime.spawn(async move {
            tokio::select! {
                biased;
                _ = here.changed() => {}
                result = what => answer.give(result),
            }
        });
    }
}

/// The connection, once there is one.
#[derive(Clone, Default)]
struct Held(Arc<OnceLock<Connection>>);

impl Held {
    fn get(&self) -> Result<&Connection, Error> {
        self.0.get().ok_or_else(|| Error::new(Kind::Closed, "the client is not connected: wait for connect"))
    }

    /// JavaScript connects or starts once.
    fn set(&self, connection: Connection) {
        drop(self.0.set(connection));
    }
}

fn nothing((): ()) -> Js {
    Js::Undefined
}

/// The messages whose payloads are these bytes.
fn cut(name: &Name, mut payloads: &[u8], lengths: &[u32]) -> Result<Vec<(Name, Vec<u8>)>, Error> {
    let mut messages = Vec::with_capacity(lengths.len());
    for length in lengths {
        let cut = usize::try_from(*length).ok().and_then(|length| payloads.split_at_checked(length));
        let (payload, rest) =
            cut.ok_or_else(|| Error::new(Kind::Argument, "the payloads that crossed are cut short"))?;
        messages.push((name.clone(), payload.to_vec()));
        payloads = rest;
    }
    Ok(messages)
}

fn name(text: &[u16]) -> Result<Name, Error> {
    text::from_utf16(text).map(Name::from)
}

fn names(texts: &[Utf16String]) -> Result<Vec<Name>, Error> {
    texts.iter().map(|text| name(text)).collect()
}
