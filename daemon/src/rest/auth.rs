//! Who may do what: extractors that a handler names in its arguments, so that none runs without.
//!
//! Host-wide routes take Basic credentials of `rest_user` or `superuser`; an overlay's routes take its token, in the header `x-session-token` or as the password of Basic
//! credentials with the overlay's name. An overlay that does not exist is told of without credentials, as none could be right.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{
        HeaderMap, HeaderValue,
        header::{self, AsHeaderName},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{
    Shared,
    problem::{Code, Problem},
    server::Caller,
    throttle::Attempt,
    users::Role,
};
use crate::manage::{Known, Running, Token};

/// The header with an overlay's token.
const TOKEN: &str = "x-session-token";
/// Of host-wide routes.
const REALM: &str = "gossiperl";

/// The caller is the `rest_user`.
pub(super) struct RestUser;

/// The caller is the `superuser`.
pub(super) struct Superuser;

/// The overlay in the path, which runs, and whose token the caller has.
pub(super) struct Overlay(pub(super) Arc<Running>);

/// The overlay in the path, whether it runs or not, whose token the caller has.
pub(super) struct Changed {
    pub(super) name: String,
    pub(super) token: Token,
}

/// A refusal before a handler runs.
pub(super) enum Denied {
    /// Asked for with this realm; what these are is told.
    Unauthorized { realm: String, detail: String },
    /// For another reason.
    Problem(Problem),
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Denied::Problem(problem) => problem.into_response(),
            Denied::Unauthorized { realm, detail } => {
                let mut response = Problem::new(Code::Unauthorized, detail).into_response();
                // An overlay's name has no characters that a header may not have.
                if let Ok(asks) = HeaderValue::try_from(format!("Basic realm=\"{realm}\"")) {
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
                }
                response
            }
        }
    }
}

impl From<Problem> for Denied {
    fn from(problem: Problem) -> Self {
        Denied::Problem(problem)
    }
}

impl FromRequestParts<Arc<Shared>> for RestUser {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Denied> {
        host_wide(parts, shared, Role::RestUser).await.map(|()| RestUser)
    }
}

impl FromRequestParts<Arc<Shared>> for Superuser {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Denied> {
        host_wide(parts, shared, Role::Superuser).await.map(|()| Superuser)
    }
}

impl FromRequestParts<Arc<Shared>> for Overlay {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Denied> {
        match of_token(parts, shared).await?.0 {
            Known::Running(running) => Ok(Overlay(running)),
            Known::Failed(failed) => {
                let detail = format!("the overlay does not run, and is tried again: {}", failed.why());
                Err(Problem::new(Code::Failed, detail).into())
            }
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Changed {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Denied> {
        let (known, token) = of_token(parts, shared).await?;
        Ok(Changed { name: known.name().to_owned(), token })
    }
}

/// The overlay in the path and its token, which the caller has shown.
async fn of_token(parts: &mut Parts, shared: &Arc<Shared>) -> Result<(Known, Token), Denied> {
    let name = path_value(parts, "overlay").await?;
    let known = shared.host.known(&name).ok_or_else(|| match shared.host.is_left() {
        true => Problem::new(Code::Stopping, "the daemon is drained, or stopping"),
        false => Problem::unknown_overlay(&name),
    })?;
    let is_right = |token: &Token| match parts.headers.contains_key(TOKEN) {
        true => only(&parts.headers, TOKEN).is_some_and(|shown| token.is(shown.as_bytes())),
        false => basic(&parts.headers).is_some_and(|(user, shown)| {
            // Both are looked at, whatever the first says.
            let (named, right) = (*user == *name.as_bytes(), token.is(&shown));
            named && right
        }),
    };
    let caller = caller(parts)?;
    if let Some(token) = known.token().cloned().filter(is_right) {
        welcome(caller, "token");
        return Ok((known, token));
    }
    let takes =
        format!("the token of overlay {name:?} (header {TOKEN}, or Basic with the overlay's name as user)");
    let unauthorized = |detail| Denied::Unauthorized { realm: name.clone(), detail };
    if !shows_something(parts) {
        return Err(unauthorized(missing(&takes)));
    }
    // Not beside a token, which is a guess whatever stands beside it.
    if !parts.headers.contains_key(TOKEN)
        && let Some(role) = basic(&parts.headers).and_then(|shown| known_user(shared, &shown))
    {
        return Err(unauthorized(of_another(role, &takes)));
    }
    let attempt = admitted(shared, caller)?;
    let pause = attempt.fail(Instant::now());
    failed(shared, caller, "token");
    Err(denied(pause, unauthorized(wrong(&takes))).await)
}

/// Where the request comes from, for the log.
pub(super) struct Peer(pub(super) IpAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Peer(caller(parts)?.address.to_canonical()))
    }
}

/// The caller has shown right credentials.
fn welcome(caller: &Caller, by: &str) {
    caller.standing.prove();
    tracing::debug!(by, from = %caller.address.to_canonical(), "login");
}

/// The caller has shown wrong ones.
fn failed(shared: &Shared, caller: &Caller, needed: &str) {
    shared.counts.login_failed();
    shared.failed.tell(Instant::now(), caller.address, needed);
}

fn missing(takes: &str) -> String {
    format!("credentials are missing: this takes {takes}")
}

fn wrong(takes: &str) -> String {
    format!("credentials are wrong: this takes {takes}")
}

/// Told to nobody who has not shown right credentials.
fn of_another(role: Role, takes: &str) -> String {
    format!("these are the credentials of the {}, and right, but this takes {takes}", role.name())
}

/// Who of the two users this is known to be, without anything hashed: what is not known at once is a guess like others.
fn known_user(shared: &Shared, (username, password): &(Vec<u8>, Zeroizing<Vec<u8>>)) -> Option<Role> {
    [Role::RestUser, Role::Superuser].into_iter().find(|role| shared.users.knows(*role, username, password))
}

/// A value of the path, decoded. What is no text is no overlay's name and no property either.
pub(super) async fn path_value(parts: &mut Parts, key: &str) -> Result<String, Problem> {
    let values = RawPathParams::from_request_parts(parts, &()).await;
    let values = values.map_err(|_| Problem::new(Code::NoRoute, "the path is not UTF-8 text"))?;
    let found = values.iter().find(|(held, _)| *held == key).map(|(_, value)| value.to_owned());
    found.ok_or_else(|| Problem::new(Code::NoRoute, "the path is incomplete"))
}

async fn host_wide(parts: &Parts, shared: &Shared, role: Role) -> Result<(), Denied> {
    if !shared.users.has(role) {
        let detail =
            format!("the configuration has rest.{} = false; there is nobody who may do this", role.name());
        return Err(Problem::new(Code::NoUser, detail).into());
    }
    let caller = caller(parts)?;
    let shown = basic(&parts.headers);
    if let Some((username, password)) = &shown
        && shared.users.knows(role, username, password)
    {
        welcome(caller, role.name());
        return Ok(());
    }
    let takes = format!("the {}'s", role.name());
    let unauthorized = |detail| Denied::Unauthorized { realm: REALM.to_owned(), detail };
    if !shows_something(parts) {
        return Err(unauthorized(missing(&takes)));
    }
    if let Some(other) = shown.as_ref().and_then(|shown| known_user(shared, shown)) {
        return Err(unauthorized(of_another(other, &takes)));
    }
    // Before anything is hashed: who has too many guesses under way gets no more of them looked at.
    let attempt = admitted(shared, caller)?;
    let pause = match shown {
        None => attempt.fail(Instant::now()),
        Some((username, password)) => match shared.users.is(role, username, password, attempt).await {
            None => {
                welcome(caller, role.name());
                return Ok(());
            }
            Some(pause) => pause,
        },
    };
    failed(shared, caller, role.name());
    Err(denied(pause, unauthorized(wrong(&takes))).await)
}

fn caller(parts: &Parts) -> Result<&Caller, Problem> {
    parts.extensions.get().ok_or_else(|| Problem::new(Code::Internal, "a request without a caller"))
}

/// Who shows no credentials at all is asked for them at once.
fn shows_something(parts: &Parts) -> bool {
    parts.headers.contains_key(TOKEN) || parts.headers.contains_key(header::AUTHORIZATION)
}

fn admitted(shared: &Shared, caller: &Caller) -> Result<Attempt, Problem> {
    shared.throttle.admit(Instant::now(), caller.address).map_err(|after| {
        let detail =
            "too many failed logins of this address wait for their answer; try again after the seconds in retry-after";
        Problem::new(Code::TooManyAttempts, detail).retry_after(after)
    })
}

/// The answer to wrong credentials, which waits.
async fn denied(pause: Duration, denied: Denied) -> Denied {
    tokio::time::sleep(pause).await;
    denied
}

/// The header's value, where it stands there once. Of several another program on the way may have looked at another.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

/// Basic credentials (RFC 7617): the user's name and the password.
fn basic(headers: &HeaderMap) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    let value = only(headers, header::AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, password) = decoded.split_at(colon);
    Some((user.to_vec(), Zeroizing::new(password.get(1..)?.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_split_at_their_first_colon() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).expect("a value"));
            basic(&headers).map(|(user, password)| {
                (String::from_utf8_lossy(&user).into_owned(), String::from_utf8_lossy(&password).into_owned())
            })
        };
        let encoded = BASE64_STANDARD.encode("name:pass:word");
        let both = Some(("name".to_owned(), "pass:word".to_owned()));
        assert_eq!(read(&format!("Basic {encoded}")), both);
        assert_eq!(read(&format!("bAsIc   {encoded} ")), both);
        assert_eq!(
            read(&format!("Basic {}", BASE64_STANDARD.encode(":"))),
            Some((String::new(), String::new()))
        );
        for wrong in [
            "",
            "Basic",
            "Basic ",
            "Basic ????",
            "Bearer abc",
            &format!("Basic {}", BASE64_STANDARD.encode("none")),
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
