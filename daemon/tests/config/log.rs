//! The table `[log]`.

use super::{accepted, overlay, refused};

#[test]
fn wrong_levels_and_formats_are_refused() {
    // tracing would take the first for a module, and show nothing else.
    for (level, words) in [
        (
            "inof",
            &["\"inof\" is no level", "did you mean \"info\"?", "off, error, warn, info, debug, trace"][..],
        ),
        ("info,gossiperl_daemon", &["\"gossiperl_daemon\" is no level", "gossiperl_daemon=debug"]),
        ("loud=very", &["\"loud=very\" is not allowed", "info"]),
        ("info,", &["is no level"]),
        ("", &["empty"]),
    ] {
        refused(&overlay(&format!("[log]\nlevel = {level:?}")), 7, "log.level", words);
    }
    refused(&overlay("[log]\nformat = \"xml\""), 7, "log.format", &["\"text\", \"json\""]);
}

#[test]
fn levels_and_lists_of_them_are_accepted() {
    for level in ["off", "INFO", "trace", "warn,gossiperl_daemon=debug", "gossiperl_daemon::driver=trace"] {
        assert_eq!(accepted(&overlay(&format!("[log]\nlevel = {level:?}"))).log.level, level);
    }
}
