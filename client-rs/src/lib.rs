//! Async client of gossiperl: publish, subscribe and membership through the host's daemon.
