//! What a process has used, from /proc.

use std::{fs, path::Path};

use anyhow::Context;
use nix::unistd::{SysconfVar, sysconf};

/// Seconds of CPU, user and system, that the process has used, to the tick (10 ms).
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = read(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).with_context(|| format!("/proc/{pid}/stat is not as expected"))?;
    let per_second = sysconf(SysconfVar::CLK_TCK)?.context("the system does not tell its clock tick")?;
    Ok(ticks as f64 / per_second as f64)
}

/// utime and stime, fields 14 and 15; the name before them may contain anything, but ends at the last parenthesis.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// As [`cpu_seconds`], to the nanosecond, of the threads that live: for so little that ticks do not show it.
pub(crate) fn cpu_seconds_of_threads(pid: u32) -> anyhow::Result<f64> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and this.
        let Ok(stat) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += stat.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(nanos as f64 / 1e9)
}

/// Resident memory in KiB: VmRSS now, VmHWM the most there ever was.
pub(crate) fn memory(pid: u32, line: &str) -> anyhow::Result<u64> {
    let status = read(format!("/proc/{pid}/status"))?;
    kibibytes(&status, line).with_context(|| format!("/proc/{pid}/status has no {line}"))
}

fn kibibytes(status: &str, line: &str) -> Option<u64> {
    let value = status.lines().find_map(|each| each.strip_prefix(line)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

fn read(file: impl AsRef<Path>) -> anyhow::Result<String> {
    let file = file.as_ref();
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn ticks_are_found_behind_a_name_with_parentheses() {
        let stat = "12 (a) b) S 1 12 12 0 -1 4194560 100 0 0 0 30 12 0 0 20 0 1 0 100";
        assert_eq!(ticks(stat), Some(42));
    }

    #[test]
    fn memory_is_the_line_asked_for() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(kibibytes(status, "VmRSS"), Some(1_024));
        assert_eq!(kibibytes(status, "Vm"), None);
    }

    #[test]
    fn this_process_has_used_something() {
        assert!(memory(std::process::id(), "VmHWM").unwrap() > 0);
        assert!(cpu_seconds_of_threads(std::process::id()).unwrap() > 0.0);
        assert!(cpu_seconds(std::process::id()).is_ok());
    }

    #[test]
    fn threads_may_end_while_their_use_is_read() {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    thread::spawn(|| {}).join().unwrap();
                }
            });
            let read = (0..2_000).try_for_each(|_| cpu_seconds_of_threads(std::process::id()).map(drop));
            done.store(true, Ordering::Relaxed);
            read.unwrap();
        });
    }
}
