//! Bodies of requests that are answered before they were read: mostly refusals.
//!
//! The HTTP library closes a connection whose request is answered before its body has come as a whole. The client still sends, and may see a broken connection in place of the answer. So the rest of
//! a body is waited for and thrown away first, as much of it as a body may be long, and for a moment only.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};

use super::answer::LONGEST_BODY;

/// How long is waited for the rest of a body that nobody wants.
const MOMENT: Duration = Duration::from_secs(5);

/// A body of which the rest can be read once its request was answered.
#[derive(Clone)]
struct Rest(Arc<Mutex<Body>>);

impl Rest {
    fn with<T>(&self, look: impl FnOnce(Pin<&mut Body>) -> T) -> T {
        look(Pin::new(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn throw_away(mut self) {
        let mut left = LONGEST_BODY;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => left = less,
                None => break,
            }
        }
    }
}

impl HttpBody for Rest {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|body| body.poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}

/// Answers a request, and before the answer goes out reads what is left of the request's body.
pub(super) async fn read_to_the_end(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // Whoever asks whether to send a body at all is told by the answer; what is too long is not waited for.
    let unwanted =
        parts.headers.contains_key(header::EXPECT) || body.size_hint().lower() > LONGEST_BODY as u64;
    if unwanted || body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let rest = Rest(Arc::new(Mutex::new(body)));
    let response = next.run(Request::from_parts(parts, Body::new(rest.clone()))).await;
    // Where it does not come in time the connection is closed, as it would have been.
    let _ = tokio::time::timeout(MOMENT, rest.throw_away()).await;
    response
}
