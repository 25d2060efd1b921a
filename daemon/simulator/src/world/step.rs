//! One machine's step: it starts, reads a datagram or has a timer due, then sends what it has to and reports.

use std::{hash::Hasher, net::SocketAddr};

use gossiperl_overlay::{Config, Event, Overlay};
use rand::Rng;

use super::{
    KEY, World, address_of, index_of,
    machine::{Machine, Power},
    machine_at,
    queue::Happening,
    some,
};

/// UDP and IPv4 headers of a datagram.
const HEADERS: u64 = 28;

/// Seeds that a daemon joins through.
const SEEDS: usize = 3;

/// Senders' keys that each daemon keeps prepared: fewer than a real one does, since there are so many daemons. A key that is not costs time only.
const PREPARED_KEYS: usize = 16;

impl World {
    /// A process starts.
    pub(super) fn boot(&mut self, index: usize) {
        let (now, random) = (self.now, self.rng.random());
        let settings = &self.scenario.overlay;
        let Some(machine) = self.machines.get_mut(index) else { return };
        let address = machine.address;
        let mut config = Config::new("simulated", &machine.name, (address.ip(), address.port()), KEY);
        config.rack_name = format!("rack-{}", machine.rack);
        config.detector = settings.detector();
        config.legacy_clients = false;
        config.limits.prepared_keys = PREPARED_KEYS;
        config.identities = Some(self.identities.clone());
        if let Some(after) = settings.drop_unreachable_after {
            config.drop_unreachable_after = after.0;
        }
        let salt = machine.next_salt(now, random);
        let (local, unix) = (machine.local(now), (machine.wall(now) / 1_000_000).cast_signed());
        let made = Overlay::new(config, salt, local, unix);
        machine.overlay = made.ok().map(Box::new);
        machine.power = Power::On;
        self.watch.started(now, index);
    }

    /// It introduces itself to some that run, or will.
    pub(super) fn join(&mut self, index: usize) {
        let now = self.now;
        let others = self.machines.len();
        let picked = some(&mut self.rng, (0..others).collect(), SEEDS);
        let seeds: Vec<SocketAddr> = picked.into_iter().chain([0]).map(address_of).collect();
        let Some(machine) = self.machines.get_mut(index) else { return };
        let local = machine.local(now);
        if let Some(overlay) = machine.overlay.as_deref_mut() {
            overlay.join(local, &seeds);
        }
    }

    pub(super) fn arrive(&mut self, to: usize, from: SocketAddr, bytes: Vec<u8>) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(to) else { return };
        match machine.power {
            Power::On if machine.busy_until > now || !machine.socket.is_empty() => {
                machine.keep(from, bytes);
                self.set_wake(to);
            }
            Power::On => self.take(to, from, bytes),
            Power::Off { host_stays: true } => {
                if let Some(sender) = machine_at(&from) {
                    let address = machine.address;
                    self.send_back(to, sender, address);
                }
            }
            Power::New | Power::Off { .. } => {}
        }
    }

    /// "Nobody listens there" goes the way of any datagram.
    fn send_back(&mut self, from: usize, to: usize, address: SocketAddr) {
        let racks = self.scenario.racks;
        let same_rack = from % racks == to % racks;
        let [first, _] = self.network.carry(&mut self.rng, from, to, same_rack);
        if let Some(after) = first {
            self.queue.push(self.now + after, Happening::Refused { to, address });
        }
    }

    /// A datagram is read and dealt with.
    fn take(&mut self, index: usize, from: SocketAddr, mut bytes: Vec<u8>) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        machine.busy_until = now + machine.each;
        let local = machine.local(now);
        if let Some(overlay) = machine.overlay.as_deref_mut() {
            overlay.handle_datagram(local, from, &mut bytes);
        }
        self.pump(index);
    }

    pub(super) fn wake(&mut self, index: usize) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.wake != Some(now) {
            return;
        }
        machine.wake = None;
        if !machine.is_on() || machine.busy_until > now {
            return self.set_wake(index);
        }
        // As the daemon does it: first what waits in the socket, then what is due.
        while let Some(machine) = self.machines.get_mut(index)
            && machine.busy_until <= now
            && let Some((from, bytes)) = machine.read()
        {
            self.take(index, from, bytes);
        }
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.busy_until > now {
            return self.set_wake(index);
        }
        let local = machine.local(now);
        let mut due = false;
        if let Some(overlay) = machine.overlay.as_deref_mut()
            && overlay.poll_timeout().is_some_and(|at| at <= local)
        {
            overlay.handle_timeout(local);
            due = true;
        }
        for client in &mut machine.clients {
            if client.poll_timeout().is_some_and(|at| at <= now) {
                client.handle_timeout(now);
                due = true;
            }
        }
        if due {
            machine.busy_until = now + machine.each;
            self.pump(index);
        } else {
            self.set_wake(index);
        }
    }

    /// Everything that the machine has to send goes on its way, everything that it reports is noted. The end of each step.
    pub(super) fn pump(&mut self, index: usize) {
        let now = self.now;
        let sent = self.transmit(index);
        let Some(machine) = self.machines.get_mut(index) else { return };
        let mut restart = None;
        let Some(overlay) = machine.overlay.as_deref_mut() else { return };
        while let Some(event) = overlay.poll_event() {
            match &event {
                Event::Member(change, view) if !view.client => {
                    let Some(about) = index_of(&view.name) else { continue };
                    self.watch.heard(now, index, about, *change);
                }
                Event::NewGenerationNeeded { above } => restart = Some(*above),
                _ => {}
            }
        }
        self.watch.stepped(now, index, overlay, sent);
        for client in &mut machine.clients {
            while let Some(delivered) = client.poll_delivered() {
                self.watch.delivery.delivered(now, client.instance, delivered);
            }
        }
        if let Some(above) = restart {
            self.start_anew(index, above.unix_micros());
        }
        self.set_wake(index);
    }

    fn transmit(&mut self, index: usize) -> usize {
        let now = self.now;
        let mut out = std::mem::take(&mut self.out);
        let mut sent = 0;
        let (machines, racks) = (self.machines.len(), self.scenario.racks);
        loop {
            let mut quiet = true;
            let Some(machine) = self.machines.get_mut(index) else { break };
            let local = machine.local(now);
            let (address, rack) = (machine.address, machine.rack);
            let Machine { overlay, clients, .. } = machine;
            let Some(overlay) = overlay.as_deref_mut() else { break };
            for client in clients.iter_mut() {
                while let Some(mut datagram) = client.transmit(now) {
                    quiet = false;
                    overlay.handle_datagram(local, client.address, &mut datagram);
                }
            }
            let (mut datagrams, mut bytes) = (0, 0);
            while let Some(transmit) = overlay.poll_transmit(local, &mut out) {
                quiet = false;
                let datagram = &mut out[..transmit.len];
                if transmit.destination.ip().is_loopback() {
                    let client = clients.iter_mut().find(|client| client.address == transmit.destination);
                    if let Some(client) = client {
                        client.handle(now, datagram);
                    }
                    continue;
                }
                datagrams += 1;
                bytes += datagram.len() as u64 + HEADERS;
                self.fingerprint.write_u64(now.as_micros() ^ (index as u64) << 44);
                self.fingerprint.write(&datagram[datagram.len().saturating_sub(8)..]);
                for hostile in &mut self.hostiles {
                    hostile.record(&mut self.rng, address, datagram);
                }
                let Some(to) = machine_at(&transmit.destination) else { continue };
                if to >= machines {
                    continue;
                }
                let same_rack = rack == to % racks;
                let times = self.network.carry(&mut self.rng, index, to, same_rack);
                for after in times.into_iter().flatten() {
                    let bytes = datagram.to_vec();
                    self.queue.push(now + after, Happening::Datagram { to, from: address, bytes });
                }
            }
            let Some(machine) = self.machines.get_mut(index) else { break };
            machine.datagrams += datagrams;
            machine.bytes += bytes;
            sent += datagrams as usize;
            if quiet {
                break;
            }
        }
        self.out = out;
        sent
    }

    pub(super) fn set_wake(&mut self, index: usize) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(wanted) = machine.wants_wake().map(|at| at.max(self.now)) else { return };
        // Sooner than needed does no harm; only an earlier one is put in.
        if machine.wake.is_some_and(|at| at <= wanted) {
            return;
        }
        machine.wake = Some(wanted);
        self.queue.push(wanted, Happening::Wake(index));
    }

    /// The overlay asked for a newer run, as gossiperld gives it one.
    fn start_anew(&mut self, index: usize, above: u64) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        let behind = above.saturating_sub(machine.wall(now));
        machine.wall_ahead += behind.cast_signed() + 1;
        machine.overlay = None;
        machine.clients.clear();
        self.watch.ended(now, index);
        self.boot(index);
        self.join(index);
        self.pump(index);
    }
}
