//! Keys of an overlay on five daemons changed while messages flow.
//!
//! The daemons are the service's own drivers, in this process, so that they can be asked without its management interface; the sixth, which
//! knows the old key alone, is gossiperld.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gossiperl_client::{Client, Protocol, SlowPolicy, Subscription};
use gossiperl_daemon::{
    config::Settings,
    driver::{self, Handle},
    keys::{KeyError, KeysReport},
    lookup::Lookup,
    store::Store,
};
use gossiperl_idl::sealed::OverlayKey;
use gossiperl_overlay::{KeyCommand, KeyId, State};
use nix::sys::signal::Signal;
use tokio::task::JoinHandle;

use crate::support::{
    Hosts, KEY, heavy, on_loopback, soon,
    traffic::{self, Stream},
};

const NEW: &str = "the next key of this test";

fn id(key: &str) -> KeyId {
    OverlayKey::new(key.as_bytes()).id()
}

fn add(key: &str) -> KeyCommand {
    KeyCommand::Add(key.as_bytes().to_vec().into())
}

fn use_key(key: &str) -> KeyCommand {
    KeyCommand::Use { id: id(key), forced: false }
}

fn retire(key: &str) -> KeyCommand {
    KeyCommand::Retire { id: id(key), forced: false }
}

/// Starts the driver of a host's overlay.
fn start(hosts: &Hosts, number: usize) -> (Handle, JoinHandle<()>) {
    let settings = Settings::load(&hosts.config(number)).expect("good");
    driver::start(&settings.overlays[0], &settings.data_dir, Lookup::default()).expect("started")
}

/// Waits until a daemon holds so many for reachable, itself among them.
async fn knows(handle: &Handle, count: usize) {
    let known = async {
        loop {
            let members = handle.members().await.expect("it runs");
            let reachable = |view: &&gossiperl_overlay::View| !view.client && view.state == State::Reachable;
            if members.iter().filter(reachable).count() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the daemons know each other", known).await;
}

/// A change on this many daemons: each has done it, and has this ring.
async fn done(handle: &Handle, command: KeyCommand, daemons: usize, ring: &[&str]) -> KeysReport {
    let report = soon("an outcome", handle.change_key(command)).await.expect("not refused");
    assert!(report.complete && report.daemons.len() == daemons, "{report:?}");
    assert_eq!(report.daemons[0].name, handle.member_name());
    let ring: Vec<String> = ring.iter().map(|key| id(key).to_string()).collect();
    for daemon in &report.daemons {
        assert_eq!((daemon.result, daemon.state), ("done", "reachable"), "{daemon:?}");
        let ids: Vec<&String> = daemon.keys.iter().map(|key| &key.id).collect();
        assert_eq!(ids, ring.iter().collect::<Vec<_>>(), "{daemon:?}");
        assert!(daemon.keys.iter().map(|key| key.seals).eq((0..ring.len()).map(|place| place == 0)));
    }
    report
}

/// How many clients of all daemons were last heard under this key.
async fn clients_under(handle: &Handle, key: &str) -> u32 {
    let report = soon("a list", handle.keys()).await.expect("listed");
    let keys = report.daemons.iter().flat_map(|daemon| &daemon.keys);
    keys.filter(|listed| listed.id == id(key).to_string()).map(|listed| listed.clients).sum()
}

/// Publishes numbers of a type at a modest pace until it is told to stop; the number behind the last.
fn publish_until(ended: &Arc<AtomicBool>, client: &Client, event_type: &'static str) -> JoinHandle<u64> {
    let (client, ended) = (client.clone(), Arc::clone(ended));
    tokio::spawn(async move {
        let mut next = 0;
        while !ended.load(Ordering::Relaxed) {
            client.publish(event_type, traffic::message(next, 8)).await.expect("taken");
            next += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        next
    })
}

/// Reads numbers until the one before `end`: each once and in order. Protocol 1 delivers from its window in any order, so there each once.
async fn each_once(reader: &mut Subscription, end: u64, in_order: bool) {
    let mut got = BTreeSet::new();
    while (got.len() as u64) < end {
        let delivery = soon("a delivery", reader.next()).await.expect("open");
        let number = traffic::number(delivery.payload());
        assert!(got.insert(number), "{number} came twice");
        assert!(!in_order || number + 1 == got.len() as u64, "{number} out of order");
    }
    assert!(got.into_iter().eq(0..end));
    assert!(reader.try_next().is_none(), "more than was published");
}

#[test]
fn keys_are_changed_on_five_daemons_under_load_without_a_message_lost_refused_or_doubled() {
    let _heavy = heavy();
    on_loopback(41, async |place| {
        // However slow the machine is, nothing comes again for want of an acknowledgement.
        let hosts = Hosts::new(place, 6).with("redelivery_retry_every = 600");
        let (handles, tasks): (Vec<Handle>, Vec<_>) = (1..=5).map(|number| start(&hosts, number)).unzip();
        for handle in &handles {
            knows(handle, 5).await;
        }

        // One publisher and the readers have both keys from the start; one publisher learns the new one late, and a reader of protocol 1 has the old one.
        let both = |number, name: &str| hosts.options(number, name).additional_key(NEW);
        let connect = async |options| soon("a session", Client::connect(options)).await.expect("a session");
        let publisher = connect(both(1, "publisher")).await;
        let mut clients = Vec::new();
        for number in 1..=5 {
            clients.push(connect(both(number, "reader")).await);
        }
        let mut readers = traffic::subscribers(&publisher, &clients).await;
        let late = hosts.client(3, "late").await;
        let old = connect(hosts.options(4, "old").protocol(Protocol::Legacy)).await;
        let subscribed = soon("a subscription", old.subscribe(["late"], SlowPolicy::Wait)).await;
        let mut old_reader = subscribed.expect("subscribed");
        let subscribed = soon("a subscription", clients[4].subscribe(["late"], SlowPolicy::Wait)).await;
        let mut late_reader = subscribed.expect("subscribed");
        // The subscriptions are known at host-3 once all daemons' state is the same; a number before that would be missed.
        let heard = async {
            while late_reader.try_next().is_none() || old_reader.try_next().is_none() {
                late.publish("late", traffic::message(u64::MAX, 8)).await.expect("taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        soon("the subscriptions are known", heard).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        for reader in [&mut late_reader, &mut old_reader] {
            while reader.try_next().is_some() {}
        }

        let stream = Stream::start(&publisher, 0);
        let ended = Arc::new(AtomicBool::new(false));
        let publishing = publish_until(&ended, &late, "late");
        tokio::time::sleep(Duration::from_secs(1)).await;
        done(&handles[1], add(NEW), 5, &[KEY, NEW]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        done(&handles[3], use_key(NEW), 5, &[NEW, KEY]).await;

        // A newcomer that has the old key alone takes part, and so the old key is not retired.
        let sixth = hosts.start(6);
        knows(&handles[0], 6).await;
        knows(&handles[4], 6).await;
        let refused = soon("an outcome", handles[0].change_key(retire(KEY))).await.expect_err("refused");
        let KeyError::Refused { report, .. } = &refused else { panic!("{refused}") };
        assert_eq!((refused.code(), report.daemons.len()), ("key_sealing", 6));
        assert!(refused.to_string().starts_with("host-6 still seal with the key"), "{refused}");
        sixth.signal(Signal::SIGTERM);
        assert_eq!(sixth.code(), 0);
        knows(&handles[0], 5).await;

        // Who has the old key alone shows in the list: one learns the new one, the one of protocol 1 ends.
        assert_eq!(clients_under(&handles[2], KEY).await, 2);
        late.add_key(NEW);
        let moved = async {
            while clients_under(&handles[2], KEY).await > 1 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        soon("the client goes along", moved).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ended.store(true, Ordering::Relaxed);
        let end = soon("everything is taken", publishing).await.expect("published");
        each_once(&mut late_reader, end, true).await;
        each_once(&mut old_reader, end, false).await;
        old.close().await;
        let gone = async {
            while clients_under(&handles[2], KEY).await > 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        soon("the old client is gone", gone).await;

        done(&handles[0], retire(KEY), 5, &[NEW]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let end = stream.end().await;
        println!("{end} numbers to 5 readers");
        for reader in &mut readers {
            traffic::receive(reader, 0..end).await;
        }
        for handle in &handles {
            let stats = handle.statistics().await.expect("it runs").overlay.stats;
            assert_eq!((stats.refused, stats.dropped, stats.cut_off), (0, 0, 0), "{}", handle.member_name());
        }

        // The old key opens nothing any more: neither a daemon nor a client comes in with it.
        let before = handles[0].statistics().await.expect("it runs").overlay.stats.unknown_key;
        let sixth = hosts.start(6);
        let knocked = async {
            while handles[0].statistics().await.expect("it runs").overlay.stats.unknown_key < before + 3 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        soon("it knocks in vain", knocked).await;
        assert_eq!(sixth.log().count(&["member_in", "member=host-1"]), 0);
        for handle in &handles {
            knows(handle, 5).await;
        }
        let outsider = hosts.options(1, "outsider").connect_timeout(Duration::from_secs(2));
        assert!(Client::connect(outsider).await.is_err(), "it has the retired key");
        drop(sixth);

        // One that starts again has the ring that it had, though its configuration still names the old key.
        handles[1].leave(Duration::from_secs(3)).await.expect("it runs");
        let (again, _task) = {
            let mut tasks = tasks;
            soon("left", tasks.remove(1)).await.expect("ended");
            start(&hosts, 2)
        };
        knows(&again, 5).await;
        let report = soon("a list", again.keys()).await.expect("listed");
        assert!(report.complete && report.daemons.iter().all(|it| it.keys[0].id == id(NEW).to_string()));
    });
}

#[test]
fn the_ring_on_disk_is_for_the_owners_eyes_and_gives_way_to_a_changed_configuration() {
    use std::{fs, os::unix::fs::PermissionsExt};
    on_loopback(42, async |place| {
        let hosts = Hosts::new(place, 1);
        let (handle, task) = start(&hosts, 1);
        done(&handle, add(NEW), 1, &[KEY, NEW]).await;
        done(&handle, use_key(NEW), 1, &[NEW, KEY]).await;
        done(&handle, retire(KEY), 1, &[NEW]).await;
        let file = hosts.folder(1).join("data/overlays/main/keys.json");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        handle.leave(Duration::from_secs(3)).await.expect("it runs");
        soon("left", task).await.expect("ended");

        // The operator writes another key into the configuration: that counts.
        let config = hosts.config(1);
        let text = fs::read_to_string(&config).expect("there").replace(KEY, "a key that came by hand");
        fs::write(&config, text).expect("written");
        let settings = Settings::load(&config).expect("good");
        let started = driver::start(&settings.overlays[0], &settings.data_dir, Lookup::default());
        let (handle, task) = started.expect("started");
        let report = soon("a list", handle.keys()).await.expect("listed");
        assert_eq!(report.daemons[0].keys.len(), 1);
        assert_eq!(report.daemons[0].keys[0].id, id("a key that came by hand").to_string());
        // As the host does, now that the configuration is the one to stay.
        let store = Store::open(&settings.data_dir, "main").expect("its folder");
        store.drop_former_ring(&settings.overlays[0].key_ids());
        assert!(!file.exists(), "the ring of former keys is gone");

        // A disk that takes nothing: the change counts for now, and is not said to be done.
        let aside = hosts.folder(1).join("data/overlays/main/keys.json.new");
        fs::create_dir(&aside).expect("made");
        let report = soon("an outcome", handle.change_key(add(NEW))).await.expect("an outcome");
        let daemon = &report.daemons[0];
        assert_eq!((report.complete, daemon.result, daemon.keys.len()), (false, "refused", 2));
        assert!(daemon.message.is_some_and(|text| text.contains("cannot be written to its disk")));
        fs::remove_dir(&aside).expect("removed");
        let report = soon("an outcome", handle.change_key(add(NEW))).await.expect("an outcome");
        assert_eq!((report.complete, report.daemons[0].result), (true, "already"));
        assert!(file.exists());
        handle.leave(Duration::from_secs(3)).await.expect("it runs");
        soon("left", task).await.expect("ended");
    });
}
