//! Members among members, in virtual time. Each test runs from a seed that it prints when it fails; the environment's
//! `GOSSIPERL_SEED` replays it.

mod chaos;
mod convergence;
mod detection;
mod hostile;
mod identity;
mod load;
mod network;
mod partition;
mod round_trip;
mod wire;
