//! Links between two endpoints, one subject a file. One program, since each would be compiled, optimised and linked by itself.

mod delivery;
mod pair;
mod paths;
mod receiving;
mod retransmission;
