//! One subscriber that takes nothing: its process is stopped (SIGSTOP) while messages are published.
//!
//! The daemons' queues are small here, so that they are full soon.

use gossiperl_client::{BusyReason, Client, Event, Events, PublishError, SlowPolicy, Subscription};
use nix::sys::signal::Signal;

use crate::support::{
    Daemon, FIRST, Hosts, Place, Printer, apart, heavy, soon,
    traffic::{self, TYPE, message},
};

/// `queue_cost` of these daemons, bytes.
const QUEUE_COST: u64 = 1 << 20;

/// Two hosts; the publisher on the first, a reader on each, and a slow one on the second.
struct Scene {
    daemons: Vec<Daemon>,
    publisher: Client,
    events: Events,
    near: Subscription,
    far: Subscription,
    slow: Printer,
    hosts: Hosts,
}

impl Scene {
    async fn new(place: Place, slow: &[&str]) -> Self {
        let limits = format!("[overlays.main.limits]\nqueue_cost = {QUEUE_COST}\nqueue_frames = 3000");
        let hosts = Hosts::new(place, 2).with(&limits);
        let daemons = hosts.start_all().await;
        let publisher = hosts.client(1, "publisher").await;
        let clients = [hosts.client(1, "near").await, hosts.client(2, "far").await];
        let mut readers = traffic::subscribers(&publisher, &clients).await;
        let far = readers.remove(1);
        let near = readers.remove(0);
        let events = publisher.events();
        let slow = Printer::start(&daemons[1], slow);
        Scene { daemons, publisher, events, near, far, slow, hosts }
    }

    /// Publishes these numbers, 200 bytes each, and reads them at both of the quick readers.
    async fn exchange(&mut self, numbers: std::ops::Range<u64>) {
        tokio::join!(
            traffic::publish(&self.publisher, numbers.clone(), 200),
            traffic::receive(&mut self.near, numbers.clone()),
            traffic::receive(&mut self.far, numbers),
        );
    }

    /// Waits until what the slow one has printed, and what it has said to have lost, make up all that was published.
    async fn wait_for_sum(&self, published: u64) {
        let sum = async {
            while self.slow.numbers().len() as u64 + self.slow.lost() < published {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        soon("everything is printed or told to be lost", sum).await;
        let printed = self.slow.numbers();
        assert_eq!(printed.len() as u64 + self.slow.lost(), published);
        assert!(printed.windows(2).all(|pair| pair[0] < pair[1]), "twice or out of order");
    }

    /// Whether this happened, of what has not been looked at yet.
    fn saw(&mut self, wanted: &Event) -> bool {
        std::iter::from_fn(|| self.events.try_next()).any(|event| event == *wanted)
    }
}

#[test]
fn a_publisher_is_held_back_while_another_type_flows_and_nothing_is_lost() {
    let _heavy = heavy();
    apart(31, async |place| {
        let mut scene = Scene::new(place, &[]).await;
        let other = scene.hosts.client(2, "other").await;
        let mut others = other.subscribe(["other"], SlowPolicy::Wait).await.expect("subscribed");
        // The subscription is known once a message comes.
        while others.try_next().is_none() {
            soon("taken", scene.publisher.publish("other", "")).await.expect("taken");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        scene.exchange(FIRST..FIRST + 100).await;
        scene.slow.wait_for(FIRST + 99);
        scene.slow.signal(Signal::SIGSTOP);

        let sender = scene.publisher.publisher(TYPE).expect("a type");
        let mut next = FIRST + 100;
        let error = loop {
            match sender.try_send(message(next, 200)) {
                Ok(_) => next += 1,
                Err(PublishError::Busy { reason: BusyReason::Window, .. }) => {
                    sender.flush().await.expect("taken")
                }
                Err(error) => break error,
            }
            if next.is_multiple_of(100) {
                sender.flush().await.expect("taken");
            }
        };
        assert!(matches!(error, PublishError::Busy { reason: BusyReason::Paused, .. }), "{error}");
        assert!(scene.saw(&Event::Paused(TYPE.into())));
        // Another type of the same publisher, to the same daemon, goes on.
        soon("taken", scene.publisher.publish("other", "on")).await.expect("taken");
        while soon("another type", others.next()).await.expect("open").payload() != b"on" {}
        scene.slow.signal(Signal::SIGCONT);

        traffic::receive(&mut scene.near, FIRST + 100..next).await;
        traffic::receive(&mut scene.far, FIRST + 100..next).await;
        scene.exchange(next..next + 1_000).await;
        assert!(scene.saw(&Event::Resumed(TYPE.into())));
        scene.wait_for_sum(next + 1_000 - FIRST).await;
        assert_eq!(scene.slow.lost(), 0, "nothing is lost");
    });
}

#[test]
fn one_that_stays_stopped_loses_the_oldest_with_a_count_and_costs_others_nothing_but_a_bounded_queue() {
    let _heavy = heavy();
    apart(32, async |place| {
        let mut scene = Scene::new(place, &[]).await;
        // What the daemons need for such traffic they have from here on.
        scene.exchange(FIRST..FIRST + 20_000).await;
        scene.slow.wait_for(FIRST + 19_999);
        let before: Vec<u64> = scene.daemons.iter().map(Daemon::resident).collect();
        scene.slow.signal(Signal::SIGSTOP);
        // Held back at first, then, since it takes nothing for five seconds, no longer for its sake.
        scene.exchange(FIRST + 20_000..FIRST + 100_000).await;
        assert!(scene.saw(&Event::Paused(TYPE.into())), "the publisher was never held back");
        scene.daemons[1].wait_for("the subscriber takes nothing");
        for (daemon, before) in scene.daemons.iter().zip(before) {
            let grown = daemon.resident().saturating_sub(before);
            println!("{grown} bytes more than before, of 16 MB published");
            // A queue counts a message as its bytes and 64; what it takes in memory is less than twice that. Two queues
            // grew at most: the slow one's, and the one towards it from the other daemon.
            assert!(grown < 4 * QUEUE_COST, "{grown} bytes more than before");
        }
        scene.slow.signal(Signal::SIGCONT);
        scene.wait_for_sum(100_000).await;
        assert!(scene.slow.lost() > 0);
        // It takes part again.
        scene.exchange(FIRST + 100_000..FIRST + 101_000).await;
        scene.wait_for_sum(101_000).await;
        scene.slow.wait_for(FIRST + 100_999);
    });
}

#[test]
fn one_that_rather_loses_the_oldest_holds_nobody_back_and_is_told_how_many() {
    let _heavy = heavy();
    apart(33, async |place| {
        let mut scene = Scene::new(place, &["--drop-oldest"]).await;
        scene.exchange(FIRST..FIRST + 100).await;
        scene.slow.wait_for(FIRST + 99);
        scene.slow.signal(Signal::SIGSTOP);
        for first in (100..20_000).step_by(100) {
            scene.exchange(FIRST + first..FIRST + first + 100).await;
        }
        assert!(!scene.saw(&Event::Paused(TYPE.into())), "the publisher was held back");
        scene.slow.signal(Signal::SIGCONT);
        scene.wait_for_sum(20_000).await;
        assert!(scene.slow.lost() > 0, "nothing was lost: the test shows nothing");
        scene.slow.wait_for(FIRST + 19_999);
    });
}
