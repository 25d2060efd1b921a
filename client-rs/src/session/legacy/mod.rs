//! A session of protocol 1 (PROTOCOL.md section 1).

#![allow(dead_code)]

use bytes::Bytes;
use gossiperl_link::{Time, Verdict};
use zeroize::Zeroizing;

use super::{Notice, Progress};
use crate::{Name, SlowPolicy, delivery::Incoming};

pub(crate) struct Config {
    pub(crate) name: Name,
    pub(crate) secret: Zeroizing<Vec<u8>>,
    pub(crate) keys: Vec<Zeroizing<Vec<u8>>>,
    pub(crate) port: u16,
    pub(crate) seed: u64,
}

#[derive(Debug)]
pub(crate) struct Legacy {}

impl Legacy {
    pub(crate) fn new(_config: Config, _now: Time) -> Self {
        Legacy {}
    }
    pub(crate) fn handle_datagram(
        &mut self,
        _now: Time,
        _datagram: &mut [u8],
        _deliver: &mut impl FnMut(&Incoming<'_>) -> Verdict,
    ) {
    }
    pub(crate) fn handle_unreachable(&mut self, _now: Time) {}
    pub(crate) fn handle_timeout(&mut self, _now: Time) {}
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        None
    }
    pub(crate) fn poll_transmit(&mut self, _now: Time, _out: &mut Vec<u8>) -> bool {
        false
    }
    pub(crate) fn poll_notice(&mut self) -> Option<Notice> {
        None
    }
    pub(crate) fn publish(&mut self, _now: Time, _body: Bytes) {}
    pub(crate) fn take_progress(&mut self) -> Progress {
        Progress::default()
    }
    pub(crate) fn is_flushed(&self) -> bool {
        true
    }
    pub(crate) fn subscribe(&mut self, _now: Time, _types: Vec<(Name, SlowPolicy)>) -> u64 {
        0
    }
    pub(crate) fn unsubscribe(&mut self, _now: Time, _types: Vec<Name>) -> u64 {
        0
    }
    pub(crate) fn request_members(&mut self, _now: Time, _watch: bool) -> u64 {
        0
    }
    pub(crate) fn release(&mut self, _now: Time) {}
    pub(crate) fn close(&mut self) {}
    pub(crate) fn add_key(&mut self, _key: &[u8]) {}
}

pub(crate) fn max_payload(type_len: usize) -> usize {
    49_000 - type_len
}
