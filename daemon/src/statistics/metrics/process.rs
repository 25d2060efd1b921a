//! What the system says of this process, under the names that every Prometheus client library uses.

use std::fmt;

use procfs::process::Process as Proc;
use prometheus_client::encoding::DescriptorEncoder;

use super::write::{counter, gauge};

/// This process at one moment. What the system does not say is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// User and system time, seconds.
    pub cpu_seconds: Option<f64>,
    /// Unix time of the start, seconds.
    pub start_seconds: Option<f64>,
    /// Resident memory, bytes.
    pub resident_bytes: Option<u64>,
    /// Virtual memory, bytes.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_descriptors: Option<u64>,
    /// The limit of that.
    pub most_descriptors: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl Process {
    /// Looks at this process: some files of `/proc`, 0.1 ms.
    pub fn look() -> Self {
        let Ok(myself) = Proc::myself() else { return Process::default() };
        let limit = myself.limits().ok().map(|limits| limits.max_open_files.soft_limit);
        let mut process = Process {
            open_descriptors: myself.fd_count().ok().map(|count| count as u64),
            most_descriptors: limit.and_then(|limit| match limit {
                procfs::process::LimitValue::Value(most) => Some(most),
                procfs::process::LimitValue::Unlimited => None,
            }),
            ..Process::default()
        };
        if let Ok(stat) = myself.stat() {
            let ticks = procfs::ticks_per_second() as f64;
            process.cpu_seconds = Some((stat.utime + stat.stime) as f64 / ticks);
            process.resident_bytes = Some(stat.rss * procfs::page_size());
            process.virtual_bytes = Some(stat.vsize);
            process.threads = u64::try_from(stat.num_threads).ok();
            let since_boot = stat.starttime as f64 / ticks;
            process.start_seconds = procfs::boot_time_secs().ok().map(|boot| boot as f64 + since_boot);
        }
        process
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(seconds) = self.cpu_seconds {
            counter(encoder, "process_cpu_seconds", "User and system time spent", [(Vec::new(), seconds)])?;
        }
        if let Some(seconds) = self.start_seconds {
            gauge(encoder, "process_start_time_seconds", "Unix time of the start", [(Vec::new(), seconds)])?;
        }
        let whole = [
            ("process_resident_memory_bytes", "Resident memory", self.resident_bytes),
            ("process_virtual_memory_bytes", "Virtual memory", self.virtual_bytes),
            ("process_open_fds", "Open file descriptors", self.open_descriptors),
            ("process_max_fds", "The most file descriptors that may be open", self.most_descriptors),
            ("process_threads", "Threads", self.threads),
        ];
        for (name, help, value) in whole {
            if let Some(value) = value {
                gauge(encoder, name, help, [(Vec::new(), value)])?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there() {
        let process = Process::look();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000), "{process:?}");
        assert!(process.open_descriptors.is_some_and(|open| open >= 3), "{process:?}");
        assert!(process.threads.is_some_and(|threads| threads >= 1), "{process:?}");
        assert!(process.virtual_bytes > process.resident_bytes, "{process:?}");
        // After 2020, before 2100.
        let is_plausible = |seconds| (1.5e9..4.2e9).contains(&seconds);
        assert!(process.start_seconds.is_some_and(is_plausible), "{process:?}");
        assert!(process.cpu_seconds.is_some_and(|seconds| seconds >= 0.0), "{process:?}");
    }
}
