//! What an overlay knows: its members and who subscribes to what.

use axum::http::StatusCode;
use gossiperl_overlay::{State as Standing, SubscriptionView, View};
use serde::Serialize;
use utoipa::ToSchema;

use super::{refusals::OfOverlay, shapes};
use crate::rest::{
    answer::{Json, timestamp},
    auth::Overlay,
    problem::Problem,
};

/// Who is in the overlay, as this daemon sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct Membership {
    /// Ourselves first, then the other daemons, then this host's clients.
    membership: Vec<Member>,
    /// `membership`.
    operation: &'static str,
    /// The overlay.
    overlay: String,
    /// Unix time, seconds.
    timestamp: i64,
}

/// A daemon, or a client of this host.
#[derive(Serialize, ToSchema)]
struct Member {
    /// Its name.
    name: String,
    /// `reachable`, `quarantine`, `unreachable` or `left`.
    #[schema(value_type = shapes::MemberState)]
    state: &'static str,
    /// Where it is reached.
    ip: String,
    /// Likewise.
    port: u16,
    /// Unix time in seconds at which it was last heard of.
    heartbeat: i64,
    /// `daemon` or `client`.
    #[schema(value_type = shapes::MemberKind)]
    kind: &'static str,
    /// Its rack; empty for clients.
    rack: String,
}

/// Who subscribes to what.
#[derive(Serialize, ToSchema)]
pub(super) struct Subscriptions {
    /// This host's clients' first.
    subscriptions: Vec<Subscription>,
    /// `subscriptions`.
    operation: &'static str,
    /// The overlay.
    overlay: String,
    /// Unix time, seconds.
    timestamp: i64,
}

/// A client's subscription.
#[derive(Serialize, ToSchema)]
struct Subscription {
    /// The type of message.
    event_type: String,
    /// The client. Bytes that are no text are shown as U+FFFD, here and in the type.
    member_name: String,
    /// The daemon that the client is with.
    origin: String,
    /// Unix time in seconds at which that daemon was last heard of.
    heartbeat: i64,
}

/// Lists who is in the overlay.
#[utoipa::path(
    get, path = "/membership/{overlay}", tag = "looking", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    responses(
        (status = 200, body = Membership, content_type = "application/json"),
        OfOverlay,
    )
)]
pub(super) async fn membership(Overlay(running): Overlay) -> Result<Json<Membership>, Problem> {
    let members = running.handle().members().await?;
    let answer = Membership {
        membership: members.into_iter().map(Member::from).collect(),
        operation: "membership",
        overlay: running.settings().name.clone(),
        timestamp: timestamp(),
    };
    Ok(Json(StatusCode::OK, answer))
}

/// Lists who subscribes to what, on this host and at the other daemons.
#[utoipa::path(
    get, path = "/subscriptions/{overlay}", tag = "looking", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    responses(
        (status = 200, body = Subscriptions, content_type = "application/json"),
        OfOverlay,
    )
)]
pub(super) async fn subscriptions(Overlay(running): Overlay) -> Result<Json<Subscriptions>, Problem> {
    let subscriptions = running.handle().subscriptions().await?;
    let answer = Subscriptions {
        subscriptions: subscriptions.into_iter().map(Subscription::from).collect(),
        operation: "subscriptions",
        overlay: running.settings().name.clone(),
        timestamp: timestamp(),
    };
    Ok(Json(StatusCode::OK, answer))
}

/// A member as JSON.
pub(in crate::rest) fn member(view: &View) -> serde_json::Value {
    serde_json::to_value(Member::from(view.clone())).unwrap_or_default()
}

impl From<View> for Member {
    fn from(view: View) -> Self {
        let state = match view.state {
            Standing::Reachable => "reachable",
            Standing::Quarantine => "quarantine",
            Standing::Unreachable => "unreachable",
            Standing::Left => "left",
        };
        Member {
            name: view.name,
            state,
            ip: view.address.ip().to_canonical().to_string(),
            port: view.address.port(),
            heartbeat: view.heartbeat,
            kind: if view.client { "client" } else { "daemon" },
            rack: view.rack,
        }
    }
}

impl From<SubscriptionView> for Subscription {
    fn from(view: SubscriptionView) -> Self {
        Subscription {
            event_type: String::from_utf8_lossy(&view.event_type).into_owned(),
            member_name: String::from_utf8_lossy(&view.client).into_owned(),
            origin: view.daemon,
            heartbeat: view.heartbeat,
        }
    }
}
