//! `gossiperl reach`: does a message get there and back, and how quickly.
//!
//! One side publishes numbered messages of the type `gossiperl.reach`; each host where `gossiperl reach --answer` runs
//! publishes them back under a type of the asker's own. The host's own daemon needs no help: it acknowledges each message.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::bail;
use clap::Args;
use gossiperl_client::{Client, MemberKind, MemberState, SlowPolicy};
use serde::{Deserialize, Serialize};

use super::{
    Connection, output,
    publish::seconds,
    session::{self, Interruption},
};
use crate::{printable::Printable, random};

const TYPE: &str = "gossiperl.reach";

/// Options of `reach`.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// Answer others until interrupted, instead of asking
    #[arg(long)]
    answer: bool,
    /// Messages to send
    #[arg(short, long, default_value = "4", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Time between them
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Serialize, Deserialize)]
struct Question {
    reply_to: String,
    number: u64,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    name: String,
    number: u64,
}

/// What came back of one answerer.
#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
}

impl Reach {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.answer {
            return session::with_client(&self.connection, Interruption::Ends, answer);
        }
        let interruption = Interruption::Fails("not all messages were sent and answered");
        session::with_client(&self.connection, interruption, async |client| self.ask(client).await)
    }

    async fn ask(&self, client: &Client) -> anyhow::Result<()> {
        let reply_to = format!("{TYPE}.{:016x}", random::number()?);
        let mut answers =
            session::answered(client.subscribe([reply_to.as_str()], SlowPolicy::Wait)).await??;
        let daemon = format!("{} (this host's daemon)", client.daemon().unwrap_or_default());
        let mut tallies = BTreeMap::<String, Tally>::new();
        let mut asked = Vec::new();
        for number in 0..self.count {
            let at = Instant::now();
            asked.push(at);
            let question = serde_json::to_vec(&Question { reply_to: reply_to.clone(), number })?;
            let pause = tokio::time::sleep(self.interval);
            match tokio::time::timeout(self.interval, client.publish(TYPE, question)).await {
                Ok(published) => {
                    published?;
                    tell(&mut tallies, &daemon, number, at.elapsed())?;
                }
                Err(_) => output::line(format_args!("{number:>4}  no acknowledgement of {daemon}"))?,
            }
            tokio::pin!(pause);
            loop {
                let delivery = tokio::select! {
                    delivery = answers.next() => delivery,
                    () = &mut pause => break,
                };
                let Some(delivery) = delivery else { bail!("the connection to the daemon has ended") };
                let Ok(answer) = serde_json::from_slice::<Answer>(delivery.payload()) else { continue };
                let asked = usize::try_from(answer.number).ok().and_then(|number| asked.get(number));
                if let Some(at) = asked {
                    tell(&mut tallies, &answer.name, answer.number, at.elapsed())?;
                }
            }
        }
        self.summary(&tallies)?;
        let silent = client
            .members()
            .await?
            .into_iter()
            .filter(|member| member.kind == MemberKind::Daemon && member.state != MemberState::Reachable);
        for member in silent {
            output::line(format_args!(
                "{} is {}",
                Printable(&member.name),
                super::members::state(member.state)
            ))?;
        }
        match tallies.contains_key(&daemon) {
            true => Ok(()),
            false => bail!("the daemon acknowledged nothing: is a subscriber of {TYPE} stuck?"),
        }
    }

    fn summary(&self, tallies: &BTreeMap<String, Tally>) -> std::io::Result<()> {
        let heading = ["NAME", "ANSWERED", "LEAST", "MEDIAN", "MOST"].map(str::to_owned).to_vec();
        let mut rows = vec![heading];
        for (name, tally) in tallies {
            let mut times = tally.times.clone();
            times.sort();
            let at = |index: usize| times.get(index).copied().map(output::duration).unwrap_or_default();
            let answered = format!("{}/{}", times.len(), self.count);
            rows.push(vec![
                Printable(name).to_string(),
                answered,
                at(0),
                at(times.len() / 2),
                at(times.len().saturating_sub(1)),
            ]);
        }
        output::line("")?;
        output::table(&rows)
    }
}

fn tell(
    tallies: &mut BTreeMap<String, Tally>,
    name: &str,
    number: u64,
    time: Duration,
) -> std::io::Result<()> {
    tallies.entry(name.to_owned()).or_default().times.push(time);
    output::line(format_args!("{number:>4}  {}  {}", output::duration(time), Printable(name)))
}

async fn answer(client: &Client) -> anyhow::Result<()> {
    let mut questions = session::answered(client.subscribe([TYPE], SlowPolicy::DropOldest)).await??;
    let name = client.daemon().unwrap_or_default().to_string();
    output::note(format_args!("answering as {}", Printable(&name)));
    while let Some(delivery) = questions.next().await {
        let Ok(question) = serde_json::from_slice::<Question>(delivery.payload()) else { continue };
        if !question.reply_to.starts_with(TYPE) {
            continue;
        }
        let answer = serde_json::to_vec(&Answer { name: name.clone(), number: question.number })?;
        client.try_publish(question.reply_to.as_str(), answer).map(drop).or_else(|error| {
            output::note(format_args!("not answered: {error}"));
            Ok::<(), anyhow::Error>(())
        })?;
    }
    bail!("the connection to the daemon has ended")
}
