//! Gives the shared library its name, by which a loader finds one that is loaded already.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    if linux {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libgossiperl.so");
    }
}
