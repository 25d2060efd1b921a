//! The binary `gossiperl`.

fn main() {}
