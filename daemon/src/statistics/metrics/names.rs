//! Every metric of ours: its name, and what it is read from.

use std::fmt;

use gossiperl_overlay::{Counter, Gauges, Queues, Snapshot, Stats, Tally, members::MemberCounters};
use prometheus_client::encoding::DescriptorEncoder;

use super::write::{Labels, counter, gauge, histogram};
use crate::{
    driver::{Standing, Statistics},
    socket::BufferSizes,
    statistics::Written,
};

/// Overlays and what they have counted.
type Overlays = [(String, Statistics)];

/// Of the program as a whole.
pub(super) fn of_program(encoder: &mut DescriptorEncoder<'_>, overlays: usize, failed: usize) -> fmt::Result {
    let version = vec![("version", env!("CARGO_PKG_VERSION"))];
    gauge(encoder, "gossiperl_build_info", "The program's version; always 1", [(version, 1_u64)])?;
    gauge(encoder, "gossiperl_overlays", "Overlays served", [(Vec::new(), overlays as u64)])?;
    let help = "Overlays that are to be served and do not run; each is tried again";
    gauge(encoder, "gossiperl_overlays_failed", help, [(Vec::new(), failed as u64)])
}

/// Of each overlay.
pub(super) fn of_overlays(encoder: &mut DescriptorEncoder<'_>, overlays: &Overlays) -> fmt::Result {
    let running = each(overlays, |statistics| [(Vec::new(), statistics.running.as_secs_f64())]);
    gauge(encoder, "gossiperl_overlay_running_seconds", "Time since the overlay's start", running)?;
    let standing = each(overlays, |statistics| {
        Standing::ALL
            .map(|standing| (vec![("standing", standing.name())], u64::from(standing == statistics.standing)))
    });
    let help = "1 for how the overlay stands with other daemons: joined, waiting for others to come, or alone since those it knocks at give no answer, refuse it, or have its name for another's";
    gauge(encoder, "gossiperl_overlay_standing", help, standing)?;
    buffers(encoder, overlays)?;
    datagrams(encoder, overlays)?;
    kinds(encoder, overlays)?;
    messages(encoder, overlays)?;
    failures(encoder, overlays)?;
    membership(encoder, overlays)?;
    holdings(encoder, overlays)?;
    let round_trips = overlays.iter().flat_map(|(overlay, statistics)| {
        let named = statistics.overlay.latencies.named();
        named.map(|(with, histogram)| (vec![("overlay", overlay.as_str()), ("with", with)], histogram))
    });
    let help = "Round trips: of datagrams to local clients of protocol 2 and to other daemons until their acknowledgement, and of probes";
    histogram(encoder, "gossiperl_round_trip_seconds", help, round_trips)
}

/// Of the InfluxDB writer.
pub(super) fn of_writer(encoder: &mut DescriptorEncoder<'_>, written: &Written) -> fmt::Result {
    let points = [("written", written.written), ("dropped", written.dropped), ("refused", written.refused)];
    let points = points.map(|(outcome, count)| (vec![("outcome", outcome)], count));
    let help =
        "Points that InfluxDB has, that were dropped because too many waited, and that it refused as wrong";
    counter(encoder, "gossiperl_influxdb_points", help, points)?;
    let help = "Attempts to write to InfluxDB that failed, to be repeated";
    counter(encoder, "gossiperl_influxdb_failed_attempts", help, [(Vec::new(), written.failed)])?;
    gauge(
        encoder,
        "gossiperl_influxdb_waiting_batches",
        "Batches for InfluxDB that wait",
        [(Vec::new(), written.waiting)],
    )
}

fn buffers(encoder: &mut DescriptorEncoder<'_>, overlays: &Overlays) -> fmt::Result {
    type Read = fn(&Statistics) -> BufferSizes;
    let both: [(&str, &str, Read); 2] = [
        ("gossiperl_socket_buffer_bytes", "Sizes of the sockets' buffers", |statistics| statistics.buffers),
        ("gossiperl_socket_buffer_wanted_bytes", "Sizes that the configuration asks for", |statistics| {
            statistics.buffers_wanted
        }),
    ];
    for (name, help, read) in both {
        let lines = each(overlays, move |statistics| {
            let BufferSizes { receive, send } = read(statistics);
            [("in", receive), ("out", send)]
                .map(|(direction, size)| (vec![("direction", direction)], size as u64))
        });
        gauge(encoder, name, help, lines)?;
    }
    Ok(())
}

fn datagrams(encoder: &mut DescriptorEncoder<'_>, overlays: &Overlays) -> fmt::Result {
    let lines = each(overlays, |Statistics { overlay: Snapshot { stats, .. }, .. }| {
        [("in", stats.datagrams_received), ("out", stats.datagrams_sent)]
            .map(|(direction, count)| (vec![("direction", direction)], count))
    });
    counter(encoder, "gossiperl_datagrams", "Datagrams of both protocols", lines)?;
    let lines = each(overlays, |Statistics { overlay: Snapshot { stats, .. }, .. }| {
        [("in", stats.bytes_received), ("out", stats.bytes_sent)]
            .map(|(direction, count)| (vec![("direction", direction)], count))
    });
    counter(
        encoder,
        "gossiperl_datagram_bytes",
        "Bytes of datagrams of both protocols, as UDP payload",
        lines,
    )?;
    for counter in of_group(Stats::COUNTERS, "datagrams") {
        match counter.name {
            "group_questions" => single(encoder, overlays, "gossiperl_multicast_questions", counter)?,
            "group_answers" => single(encoder, overlays, "gossiperl_multicast_answers", counter)?,
            // Above, by direction.
            _ => {}
        }
    }
    Ok(())
}

/// Frames and digests, each by kind and direction.
fn kinds(encoder: &mut DescriptorEncoder<'_>, overlays: &Overlays) -> fmt::Result {
    let count = |tally: Tally| tally.count;
    let bytes = |tally: Tally| tally.bytes;
    let frames = |read: fn(Tally) -> u64| {
        each(overlays, move |statistics| {
            let traffic = &statistics.overlay.traffic;
            let received = traffic.frames_received.iter().map(|kind| ("in", kind));
            let both = received.chain(traffic.frames_sent.iter().map(|kind| ("out", kind)));
            both.map(move |(direction, (kind, tally))| {
                (vec![("direction", direction), ("kind", kind)], read(tally))
            })
        })
    };
    counter(
        encoder,
        "gossiperl_frames",
        "Frames of protocol 2 by kind; one sent again counts again",
        frames(count),
    )?;
    counter(
        encoder,
        "gossiperl_frame_bytes",
        "Bytes of frames of protocol 2, before sealing",
        frames(bytes),
    )?;
    let digests = |read: fn(Tally) -> u64| {
        each(overlays, move |statistics| {
            let traffic = &statistics.overlay.traffic;
            let received = traffic.digests_received.iter().map(|kind| ("in", kind));
            let both = received.chain(traffic.digests_sent.iter().map(|kind| ("out", kind)));
            both.map(move |(direction, (kind, tally))| {
                (vec![("direction", direction), ("type", kind)], read(tally))
            })
        })
    };
    let help = "Structs of protocol 1 by payload type, published messages of all types as message";
    counter(encoder, "gossiperl_digests", help, digests(count))?;
    counter(encoder, "gossiperl_digest_bytes", "Bytes of the datagrams of protocol 1", digests(bytes))
}

fn messages(encoder: &mut DescriptorEncoder<'_>, overlays: &Overlays) -> fmt::Result {
    for counter in of_group(Stats::COUNTERS, "deliveries") {
        single(encoder, overlays, &format!("gossiperl_messages_{}", counter.name), counter)?;
    }
    let help = "Messages dropped by policy or with their subscriber, given up after redelivery_retry_max, or too large for protocol 1";
    labelled(encoder, overlays, "gossiperl_messages_lost", help, "losses", "cause")?;
    for counter in of_group(Stats::COUNTERS, "retries") {
        let name = match counter.name {
            "resent" => "gossiperl_frames_resent",
            "timeouts" => "gossiperl_link_timeouts",
            "held_back" => "gossiperl_publishes_held_back",
            "redelivered" => "gossiperl_messages_redelivered",
            _ => "gossiperl_messages_republished",
        };
        single(encoder, overlays, name, counter)?;
    }
    Ok(())
}

fn failures(encoder: &mut DescriptorEncoder<'_>, overlays: &Overlays) -> fmt::Result {
    let lines = each(overlays, |statistics| {
        let counted = Stats::COUNTERS.iter().zip(statistics.overlay.stats.values());
        let counted = counted.filter(|(counter, _)| counter.group == "failures");
        let sockets = statistics.sockets;
        let sockets = [("unsent", sockets.unsent), ("receive_errors", sockets.receive_errors)];
        let all = counted.map(|(counter, value)| (counter.name, value)).chain(sockets);
        all.map(|(cause, value)| (vec![("cause", cause)], value))
    });
    counter(encoder, "gossiperl_failures", "What was refused, withheld or went wrong, by cause", lines)
}

fn membership(encoder: &mut DescriptorEncoder<'_>, overlays: &Overlays) -> fmt::Result {
    let claims = each(overlays, |statistics| {
        let counted = MemberCounters::COUNTERS.iter().zip(statistics.overlay.members.values());
        let claims = counted.filter(|(counter, _)| counter.group == "claims");
        claims.map(|(counter, value)| (vec![("outcome", counter.name)], value))
    });
    counter(
        encoder,
        "gossiperl_member_claims",
        "What others told about members, by what became of it",
        claims,
    )?;
    for described in of_group(MemberCounters::COUNTERS, "detection") {
        let lines = each(overlays, |statistics| {
            let counted = MemberCounters::COUNTERS.iter().zip(statistics.overlay.members.values());
            let value = counted.filter(|(counter, _)| counter.name == described.name).map(|(_, value)| value);
            value.map(|value| (Vec::new(), value))
        });
        counter(encoder, &format!("gossiperl_detector_{}", described.name), described.help, lines)?;
    }
    let score = each(overlays, |statistics| [(Vec::new(), statistics.overlay.gauges.health_score)]);
    gauge(
        encoder,
        "gossiperl_detector_health_score",
        "The local health score: 0 is healthy (Lifeguard)",
        score,
    )
}

/// What overlays hold now.
fn holdings(encoder: &mut DescriptorEncoder<'_>, overlays: &Overlays) -> fmt::Result {
    let members = of_gauges(overlays, |gauges| {
        let kinds = [("daemon", gauges.daemons), ("client", gauges.clients)];
        let named = kinds.map(|(kind, standings)| {
            standings.named().map(|(state, count)| (vec![("kind", kind), ("state", state)], count))
        });
        named.into_iter().flatten()
    });
    gauge(
        encoder,
        "gossiperl_members",
        "Daemons, ourselves among them, and clients of this host, by state",
        members,
    )?;
    let subscriptions = of_gauges(overlays, |gauges| {
        [("local", gauges.local_subscriptions), ("remote", gauges.remote_subscriptions)]
            .map(|(origin, count)| (vec![("origin", origin)], count))
    });
    gauge(
        encoder,
        "gossiperl_subscriptions",
        "Subscriptions of this host's clients and of other daemons'",
        subscriptions,
    )?;
    type Read = fn(&Gauges) -> u64;
    let singles: [(&str, &str, Read); 3] = [
        ("gossiperl_event_types", "Event types that have subscribers anywhere", |gauges| gauges.event_types),
        ("gossiperl_held_publishers", "Publishers held until a queue has room", |gauges| {
            gauges.held_publishers
        }),
        ("gossiperl_paused_types", "Event types not to be published for now", |gauges| gauges.paused_types),
    ];
    for (name, help, read) in singles {
        gauge(encoder, name, help, of_gauges(overlays, |gauges| [(Vec::new(), read(gauges))]))?;
    }
    type Depth = fn(&Queues) -> u64;
    let depths: [(&str, &str, Depth); 4] = [
        ("gossiperl_queue_messages", "Messages that wait or are not acknowledged", |queues| queues.messages),
        ("gossiperl_queue_bytes", "Bytes of messages that wait or are not acknowledged", |queues| {
            queues.bytes
        }),
        ("gossiperl_longest_queue_messages", "Messages in the longest queue", |queues| queues.longest),
        ("gossiperl_largest_queue_bytes", "Bytes in the largest queue", |queues| queues.largest),
    ];
    for (name, help, read) in depths {
        let lines = of_gauges(overlays, |gauges| {
            [("clients", &gauges.to_clients), ("daemons", &gauges.to_daemons)]
                .map(|(to, queues)| (vec![("to", to)], read(queues)))
        });
        gauge(encoder, name, help, lines)?;
    }
    Ok(())
}

/// A metric for one counter of [`Stats`].
fn single(
    encoder: &mut DescriptorEncoder<'_>,
    overlays: &Overlays,
    name: &str,
    described: &Counter,
) -> fmt::Result {
    let lines = each(overlays, |statistics| {
        let counted = Stats::COUNTERS.iter().zip(statistics.overlay.stats.values());
        let value = counted.filter(|(counter, _)| counter.name == described.name).map(|(_, value)| value);
        value.map(|value| (Vec::new(), value))
    });
    counter(encoder, name, described.help, lines)
}

/// A metric for a group of [`Stats`], told apart by a label.
fn labelled(
    encoder: &mut DescriptorEncoder<'_>,
    overlays: &Overlays,
    name: &str,
    help: &str,
    group: &str,
    label: &'static str,
) -> fmt::Result {
    let lines = each(overlays, |statistics| {
        let counted = Stats::COUNTERS.iter().zip(statistics.overlay.stats.values());
        let of_group = counted.filter(|(counter, _)| counter.group == group);
        of_group.map(|(counter, value)| (vec![(label, counter.name)], value))
    });
    counter(encoder, name, help, lines)
}

fn of_group(counters: &'static [Counter], group: &str) -> impl Iterator<Item = &'static Counter> {
    counters.iter().filter(move |counter| counter.group == group)
}

/// The lines of all overlays, each with its name for a label in front of its own.
fn each<'a, V, I>(
    overlays: &'a Overlays,
    mut read: impl FnMut(&'a Statistics) -> I,
) -> impl Iterator<Item = (Labels<'a>, V)>
where
    I: IntoIterator<Item = (Labels<'static>, V)>,
{
    overlays.iter().flat_map(move |(overlay, statistics)| {
        read(statistics).into_iter().map(|(labels, value)| {
            let mut all = vec![("overlay", overlay.as_str())];
            all.extend(labels);
            (all, value)
        })
    })
}

fn of_gauges<'a, V, I>(
    overlays: &'a Overlays,
    mut read: impl FnMut(&'a Gauges) -> I,
) -> impl Iterator<Item = (Labels<'a>, V)>
where
    I: IntoIterator<Item = (Labels<'static>, V)>,
{
    each(overlays, move |statistics| read(&statistics.overlay.gauges))
}
