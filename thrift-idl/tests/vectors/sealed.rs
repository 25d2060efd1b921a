//! `vectors/sealed.json`: sealed datagrams of every role with every frame that belongs there, and what is refused.
//!
//! Made from PROTOCOL.md section 2 spelled out ([`spelled`]), so that the crate is held against the page and not against itself.

use gossiperl_idl::Salt;
use gossiperl_idl::frame::{self, Frames};
use gossiperl_idl::sealed::{
    Header, KeyRing, OverlayKey, OverlaySecret, ReplayWindow, Role, Sealer, SenderKey,
};
use serde_json::{Value, json};

use super::fields::to_hex;
use super::spelled::{self, Sender};
use super::{bytes, made, samples};

const ABOUT: &str = "Sealed datagrams of protocol 2 (PROTOCOL.md section 2). Binary is hexadecimal, 64-bit numbers decimal text. \
    `datagrams` open to `frames`, one after the other with the same sealer: `counter` rises. `refused` do not open, or are no \
    sealed datagrams, for a receiver that has the `keys` and the `secret`. `replay`: the counters of opened datagrams of one \
    salt in the order of their arrival, and whether each counts.";

const KEYS: [&[u8]; 2] = [b"0123456789abcdef0123456789abcdef", b"\x00\xff a key that is no text \xfe"];
const SECRET: &[u8] = b"overlay secret";
const RECEIVER: u64 = 0xfedc_ba98_7654_3210;
const ROLES: [Role; 3] = [Role::ClientToDaemon, Role::DaemonToClient, Role::DaemonToDaemon];

fn salt(role: Role) -> Salt {
    Salt::new(1_700_000_000_000_000, 0x0102_0304_0506_0700 + role as u64)
}

fn sender(role: Role, key: usize) -> Sender<'static> {
    Sender { symmetric_key: KEYS[key], secret: SECRET, role: role as u8, salt: salt(role).0 }
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::put(kind, body, &mut bytes);
    bytes
}

fn datagram(case: &str, sender: &Sender<'_>, receiver: u64, counter: u64, frames: &[u8]) -> Value {
    json!({
        "case": case,
        "role": sender.role,
        "key_id": to_hex(&spelled::key_id(sender.symmetric_key)),
        "salt": to_hex(&sender.salt),
        "receiver": receiver.to_string(),
        "counter": counter.to_string(),
        "frames": to_hex(frames),
        "datagram": to_hex(&spelled::seal(sender, receiver, counter, frames)),
    })
}

/// One datagram for the first sample of each kind that has its place in the role, then cases that are not about frames.
fn datagrams(role: Role) -> Vec<Value> {
    let mut last_kind = 0;
    let mut counter = 0;
    let mut all = Vec::new();
    let sender = sender(role, 0);
    let mut add = |case: &str, sender: &Sender<'_>, receiver: u64, frames: &[u8]| {
        counter += 1;
        all.push(datagram(case, sender, receiver, counter, frames));
    };
    for sample in samples::all() {
        if frame::belongs(sample.kind, role) && sample.kind != last_kind {
            last_kind = sample.kind;
            let name = frame::name(sample.kind).unwrap();
            // First contact goes to a receiver not known yet.
            let known = sample.kind != frame::CLIENT_HELLO && sample.kind != frame::INTRODUCTION;
            add(name, &sender, if known { RECEIVER } else { 0 }, &framed(sample.kind, &sample.body));
        }
    }
    let several = [
        framed(frame::ACKNOWLEDGEMENT, b"\x16\x02\x15\x02\x15\x02\x00"),
        framed(frame::RUN, b"\x16\x02\x00"),
        framed(frame::MESSAGE, b"\x18\x01e\x18\x01p\x16\x02\x16\x02\x00"),
        framed(frame::MESSAGE, b"\x18\x01e\x18\x01p\x16\x02\x16\x04\x00"),
    ];
    add("several frames", &sender, RECEIVER, &several.concat());
    add("no frames", &sender, RECEIVER, b"");
    add("1,344 bytes of frames", &sender, RECEIVER, &framed(63, &[0x5a; 1_341]));
    add("another key of the ring", &Sender { symmetric_key: KEYS[1], ..sender }, RECEIVER, &several.concat());
    all
}

fn refused() -> Vec<Value> {
    let role = Role::DaemonToDaemon;
    let seal = |sender: &Sender<'_>| spelled::seal(sender, RECEIVER, 1, b"\x12\x05\x15\x02\x16\x02\x00");
    let good = seal(&sender(role, 0));
    let vector = |case: &str, datagram: &[u8]| json!({ "case": case, "datagram": to_hex(datagram) });
    let changed = |case: &str, at: usize| {
        let mut datagram = good.clone();
        datagram[at] ^= 1;
        vector(case, &datagram)
    };
    vec![
        changed("magic", 0),
        changed("version", 2),
        changed("role", 3),
        changed("key id", 4),
        changed("salt, time", 8),
        changed("salt, random", 23),
        changed("receiver", 31),
        changed("counter", 39),
        changed("first byte of the frames", 40),
        changed("last byte of the tag", good.len() - 1),
        vector("without its last byte", &good[..good.len() - 1]),
        vector("a byte too many", &[&good[..], &[0]].concat()),
        vector("header alone", &good[..40]),
        vector("header and tag alone", &[&good[..40], &good[good.len() - 16..]].concat()),
        vector("another overlay's secret", &seal(&Sender { secret: b"overlay secreu", ..sender(role, 0) })),
        vector("unknown key", &seal(&Sender { symmetric_key: b"another overlay's key", ..sender(role, 0) })),
    ]
}

fn replay() -> Value {
    let window = json!(gossiperl_idl::sealed::REPLAY_WINDOW);
    let counters = [1, 1, 3, 2, 2, 300, 45, 44, 300, 299, 299, 555, 300, 301, 1 << 48, 555, (1 << 48) - 255];
    // A plain set of what was seen, as the page has it.
    let (mut newest, mut seen) = (0u64, Vec::new());
    let steps = counters.map(|counter: u64| {
        let counts = counter + 256 > newest && !seen.contains(&counter);
        if counts {
            seen.push(counter);
            newest = newest.max(counter);
        }
        json!({ "counter": counter.to_string(), "counts": counts })
    });
    json!({ "window": window, "steps": steps.to_vec() })
}

fn vectors() -> Value {
    let keys = KEYS
        .map(|key| json!({ "symmetric_key": to_hex(key), "key_id": to_hex(&spelled::key_id(key)) }))
        .to_vec();
    let senders = |(role, key): (Role, usize)| {
        json!({
            "role": role as u8,
            "key_id": to_hex(&spelled::key_id(KEYS[key])),
            "salt": to_hex(&salt(role).0),
            "receiver_id": salt(role).receiver_id().to_string(),
            "secret_key": to_hex(&spelled::sender_key(KEYS[key], role as u8, &salt(role).0, SECRET)),
        })
    };
    let senders: Vec<_> = ROLES.into_iter().flat_map(|role| [(role, 0), (role, 1)]).map(senders).collect();
    json!({
        "about": ABOUT,
        "keys": keys,
        "secret": to_hex(SECRET),
        "secret_sha256": to_hex(&spelled::secret_hash(SECRET)),
        "senders": senders,
        "datagrams": ROLES.into_iter().flat_map(datagrams).collect::<Vec<_>>(),
        "refused": refused(),
        "replay": replay(),
    })
}

/// What a receiver does with any datagram, from the vectors' keys and secret alone.
fn open(vectors: &Value, datagram: &[u8]) -> Option<(Header, Vec<u8>)> {
    let header = Header::parse(datagram)?;
    let keys = vectors["keys"].as_array().unwrap();
    let mut ring = KeyRing::new(OverlayKey::new(&bytes(&keys[0], "symmetric_key")));
    ring.add(OverlayKey::new(&bytes(&keys[1], "symmetric_key"))).unwrap();
    let secret = OverlaySecret::new(&bytes(vectors, "secret"));
    let key = SenderKey::derive(ring.find(header.key_id)?, header.role, &header.salt, &secret);
    let mut datagram = datagram.to_vec();
    key.open(&mut datagram).ok().map(|frames| (header, frames.to_vec()))
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn vectors_of_sealed_datagrams_open() {
    let vectors = made::checked("sealed.json", &vectors());
    for vector in vectors["datagrams"].as_array().unwrap() {
        let (header, frames) = open(&vectors, &bytes(vector, "datagram")).unwrap();
        assert_eq!(to_hex(&frames), vector["frames"], "{vector}");
        assert_eq!(u64::from(header.role as u8), vector["role"].as_u64().unwrap());
        assert_eq!(to_hex(&header.key_id.0), vector["key_id"]);
        assert_eq!(to_hex(&header.salt.0), vector["salt"]);
        assert_eq!(header.receiver, number(&vector["receiver"]));
        assert_eq!(header.counter, number(&vector["counter"]));
        assert!(Frames::new(&frames).all(|frame| frame.is_ok()), "{vector}");
    }
    for vector in vectors["refused"].as_array().unwrap() {
        assert_eq!(open(&vectors, &bytes(vector, "datagram")), None, "{vector}");
    }
}

#[test]
fn the_sealer_makes_the_vectors() {
    let vectors = vectors();
    for role in ROLES {
        let mut ring = KeyRing::new(OverlayKey::new(KEYS[0]));
        ring.add(OverlayKey::new(KEYS[1])).unwrap();
        let mut sealer = Sealer::new(&ring, role, salt(role), &OverlaySecret::new(SECRET));
        for vector in vectors["datagrams"].as_array().unwrap() {
            if vector["role"] != role as u8 {
                continue;
            }
            if vector["key_id"] != to_hex(&sealer.key_id().0) {
                ring.promote(OverlayKey::new(KEYS[1]).id()).unwrap();
                sealer.rekey(&ring);
            }
            let mut out = Vec::new();
            let offset = sealer.start(&mut out);
            out.extend(bytes(vector, "frames"));
            sealer.finish(number(&vector["receiver"]), &mut out, offset).unwrap();
            assert_eq!(to_hex(&out), vector["datagram"], "{vector}");
        }
    }
}

#[test]
fn every_kind_of_every_role_is_in_the_vectors() {
    let vectors = vectors();
    for role in ROLES {
        for kind in (0..=255).filter(|&kind| frame::belongs(kind, role)) {
            let name = frame::name(kind).unwrap();
            let has = |vector: &Value| vector["role"] == role as u8 && vector["case"] == name;
            assert!(vectors["datagrams"].as_array().unwrap().iter().any(has), "{name} in {role:?}");
        }
    }
}

#[test]
fn the_window_counts_as_the_vectors_say() {
    let mut window = ReplayWindow::new();
    for step in replay()["steps"].as_array().unwrap() {
        assert_eq!(window.accept(number(&step["counter"])), step["counts"] == true, "{step}");
    }
}
