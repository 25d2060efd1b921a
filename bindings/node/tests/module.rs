//! The module as it was built for Node, which ci/test has the package's own tests use.

#![allow(clippy::expect_used)]

#[test]
fn it_has_the_entry_that_node_calls() {
    let module = std::env::current_exe().expect("a program").with_file_name("libgossiperl_node.so");
    let module = std::fs::read(module).expect("cargo builds it before its tests");
    let entry = b"\0napi_register_module_v1\0";
    assert!(module.windows(entry.len()).any(|name| name == entry));
}
