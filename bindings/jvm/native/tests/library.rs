//! The library as it was built for the Java virtual machine, which ci/test has the package's own tests use.

#![allow(clippy::expect_used)]

#[test]
fn it_has_every_method_that_java_declares() {
    let library = std::env::current_exe().expect("a program").with_file_name("libgossiperl_jvm.so");
    let library = std::fs::read(library).expect("cargo builds it before its tests");
    let names: std::collections::HashSet<&[u8]> = library.split(|byte| *byte == 0).collect();
    let declared = include_str!("../../src/main/java/com/gossiperl/client/Native.java");
    let methods: Vec<&str> = declared
        .lines()
        .filter(|line| line.contains(" native "))
        .filter_map(|line| line.split_once('(')?.0.rsplit(' ').next())
        .collect();
    assert!(!methods.is_empty());
    for method in methods {
        let symbol = format!("Java_com_gossiperl_client_Native_{method}");
        assert!(names.contains(symbol.as_bytes()), "{symbol} is not there");
    }
}
