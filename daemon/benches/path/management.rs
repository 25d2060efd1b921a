//! The management interface while messages flow: how long GET /membership takes among many members, and what it costs the flow.
//!
//! One daemon among a thousand members, one publisher, one subscriber, and one process that asks over TLS. The baselines of the same run are the flow
//! without requests and the requests without a flow.

use std::{ops::Deref, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;
use gossiperl_daemon::http;
use hdrhistogram::Histogram;
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior};

use crate::{
    children::{DaemonProcess, RoleProcess, finish, ready},
    footprint::SETTLING,
    load::Load,
    run::{Run, median},
    table,
};

const MEMBERS: usize = 1_000;
const RATE: u64 = 50_000;
const SIZE: usize = 200;
const SECONDS: u64 = 10;
/// Longest time of a request that is told apart, nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// How GET /membership is asked for.
#[derive(Clone, Copy)]
struct Asking {
    what: &'static str,
    /// Requests a second; 0: the next one when the last is answered.
    rate: u64,
    /// Whether each comes on a connection of its own.
    anew: bool,
}

const ASKINGS: [Asking; 4] = [
    Asking { what: "1 a second", rate: 1, anew: false },
    Asking { what: "10 a second", rate: 10, anew: false },
    Asking { what: "10 a second, each with a connection of its own", rate: 10, anew: true },
    Asking { what: "as many as are answered", rate: 0, anew: false },
];

/// A process that asks for a while.
#[derive(Args)]
pub(crate) struct Ask {
    #[arg(long)]
    url: Url,
    /// A file with the overlay's token.
    #[arg(long)]
    token: PathBuf,
    /// A file with the certificate to trust.
    #[arg(long)]
    certificate: PathBuf,
    #[arg(long)]
    rate: u64,
    #[arg(long)]
    anew: bool,
    #[arg(long)]
    seconds: u64,
    /// Members that each answer must have.
    #[arg(long)]
    members: usize,
}

/// What was asked and answered.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Answered {
    requests: u64,
    /// Bytes of one answer's body.
    bytes: usize,
    /// Quantiles of the time from asking until the whole answer is there, nanoseconds.
    p50: u64,
    p99: u64,
    most: u64,
}

/// What one flow and the requests beside it showed.
struct Shown {
    answered: Option<Answered>,
    /// Of the flow: quantiles of latency, nanoseconds, and the daemon's CPU time, nanoseconds a message.
    flow: Option<[f64; 3]>,
}

pub(crate) fn measure(rounds: u32) -> anyhow::Result<()> {
    let daemon = DaemonProcess::start_managed()?;
    let seed = ["--seed".to_owned(), daemon.port.to_string()];
    let mut crowd =
        RoleProcess::start("members", &[&seed[..], &["--members".to_owned(), MEMBERS.to_string()]].concat())?;
    std::thread::sleep(SETTLING);

    let alone = (0..rounds).map(|_| flow(&daemon, None)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut rows = vec![("no requests".to_owned(), alone)];
    for asking in ASKINGS {
        let (mut beside, mut quiet) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            beside.push(flow(&daemon, Some(asking))?);
            quiet.push(Shown { answered: Some(ask(&daemon, asking)?.result()?), flow: None });
        }
        rows.push((asking.what.to_owned(), beside));
        rows.push((format!("{}, no flow", asking.what), quiet));
    }
    tell(&rows);
    crowd.begin()
}

fn tell(rows: &[(String, Vec<Shown>)]) {
    let title = format!(
        "GET /membership among {} members, with {} messages a second of {SIZE} B",
        table::count(MEMBERS as f64),
        table::count(RATE as f64)
    );
    table::begin(
        &title,
        &["requests", "answered", "body", "p50", "p99", "most", "delivery p50", "p99", "CPU a message"],
    );
    for (what, shown) in rows {
        let answered = |value: fn(&Answered) -> f64| {
            let values: Vec<f64> =
                shown.iter().filter_map(|shown| shown.answered.as_ref().map(value)).collect();
            (!values.is_empty()).then(|| median(values))
        };
        let flow = |index: usize| {
            let values: Vec<f64> =
                shown.iter().filter_map(|shown| Some(shown.flow.as_ref()?[index])).collect();
            (!values.is_empty()).then(|| median(values))
        };
        let cell = |value: Option<f64>, show: fn(f64) -> String| value.map_or(String::new(), show);
        table::row(&[
            what.clone(),
            cell(answered(|answered| answered.requests as f64 / SECONDS as f64), |rate| {
                format!("{rate:.0}/s")
            }),
            cell(answered(|answered| answered.bytes as f64), |bytes| format!("{:.0} kB", bytes / 1e3)),
            cell(answered(|answered| answered.p50 as f64), table::micros),
            cell(answered(|answered| answered.p99 as f64), table::micros),
            cell(answered(|answered| answered.most as f64), table::micros),
            cell(flow(0), table::micros),
            cell(flow(1), table::micros),
            cell(flow(2), |nanos| format!("{:.2} µs", nanos / 1e3)),
        ]);
    }
    table::end();
}

fn flow(daemon: &DaemonProcess, asking: Option<Asking>) -> anyhow::Result<Shown> {
    let load = Load { messages: RATE * SECONDS, size: SIZE, rate: RATE };
    let asker = asking.map(|asking| ask(daemon, asking)).transpose()?;
    let run = Run::over(daemon, load, 1)?;
    let answered = asker.map(|mut asker| asker.result()).transpose()?;
    let received = run.latency().context("one subscriber")?;
    let cpu = run.server as f64 / load.messages as f64;
    Ok(Shown { answered, flow: Some([received.p50 as f64, received.p99 as f64, cpu]) })
}

/// Starts a process that asks, and lets it begin.
fn ask(daemon: &DaemonProcess, asking: Asking) -> anyhow::Result<RoleProcess> {
    let path = |name: &str| daemon.file(name).display().to_string();
    let mut arguments = vec![
        format!("--url={}/membership/bench", daemon.url()?.trim_end_matches('/')),
        format!("--token={}", path("overlays/bench/token")),
        format!("--certificate={}", path("rest/certificate.pem")),
        format!("--rate={}", asking.rate),
        format!("--seconds={SECONDS}"),
        format!("--members={MEMBERS}"),
    ];
    arguments.extend(asking.anew.then(|| "--anew".to_owned()));
    let mut asker = RoleProcess::start("ask", &arguments)?;
    asker.begin()?;
    Ok(asker)
}

impl Ask {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.asked())
    }

    async fn asked(self) -> anyhow::Result<()> {
        let token = std::fs::read_to_string(&self.token)?;
        let client = || http::client(&self.url, Some(&self.certificate), Some(Duration::from_secs(30)));
        let kept = client()?;
        // Connected and proven before it counts.
        self.request(&kept, &token).await?;
        tokio::task::spawn_blocking(|| ready("")).await??;
        let mut latencies = Histogram::<u64>::new_with_max(LONGEST, 3)?;
        let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(self.rate.max(1))?);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (start, mut bytes) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_secs(self.seconds) {
            let own = if self.anew { Some(client()?) } else { None };
            if self.rate > 0 {
                tick.tick().await;
            }
            let asked = Instant::now();
            let answer = self.request(own.as_ref().unwrap_or(&kept), &token).await?;
            latencies.saturating_record(u64::try_from(asked.elapsed().as_nanos())?);
            // Not parsed, which would cost this process as much as answering costs the daemon.
            let members = answer.windows(8).filter(|window| *window == b"\"name\":\"").count();
            ensure!(members > self.members, "an answer with {members} members");
            bytes = answer.len();
        }
        let answered = Answered {
            requests: latencies.len(),
            bytes,
            p50: latencies.value_at_quantile(0.5),
            p99: latencies.value_at_quantile(0.99),
            most: latencies.max(),
        };
        tokio::task::spawn_blocking(move || finish(&answered)).await?
    }

    /// The whole answer.
    async fn request(
        &self,
        client: &Client,
        token: &str,
    ) -> anyhow::Result<impl Deref<Target = [u8]> + use<>> {
        let request = client.get(self.url.clone()).header("x-session-token", token.trim_end());
        Ok(request.send().await?.error_for_status()?.bytes().await?)
    }
}
