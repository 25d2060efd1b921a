//! Daemons with the management interface, requests to them, and what is answered.

mod answer;
mod daemon;
mod events;
mod legacy;
mod log;

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::atomic::{AtomicU8, Ordering},
    task::Poll,
    time::Duration,
};

pub(crate) use answer::{Answer, As};
pub(crate) use daemon::{Daemon, Setup};
pub(crate) use events::{Events, Told, stream};
pub(crate) use legacy::Legacy;

/// The key of every overlay of these tests.
pub(crate) const KEY: &str = "a key of this test";

/// Waits for something that takes much less than a minute on a machine that is up.
pub(crate) async fn soon<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    let awaited = tokio::time::timeout(Duration::from_secs(60), awaited).await;
    awaited.unwrap_or_else(|_| panic!("{what}: not within a minute"))
}

/// Waits until `look` finds something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    soon(what, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

/// Awaits all of these at the same time; what each gave, in their order.
pub(crate) async fn all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, given) in &mut waiting {
            if given.is_none()
                && let Poll::Ready(now) = future.as_mut().poll(context)
            {
                *given = Some(now);
            }
        }
        if waiting.iter().all(|(_, given)| given.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, given)| given).collect()
}

/// A loopback address that no other test of this binary has.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    Ipv4Addr::new(127, 79, NEXT.fetch_add(1, Ordering::Relaxed), 1)
}

/// A UDP port that nobody uses at this address.
pub(crate) fn free_port(ip: impl Into<IpAddr>) -> u16 {
    let socket = UdpSocket::bind((ip.into(), 0)).expect("a port");
    socket.local_addr().expect("bound").port()
}
