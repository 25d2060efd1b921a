//! The binary `gossiperld`.

fn main() {}
