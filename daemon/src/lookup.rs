//! Seeds to addresses: A and AAAA records as the host resolves names (also from `/etc/hosts`), SRV records by DNS.
//!
//! Every call looks names up anew: a seed that moved is found where it is now. Each name has its own bounded time, and
//! all are asked at once, so that one that does not answer delays nobody.

use std::{io, net::SocketAddr, time::Duration};

use hickory_resolver::{
    Resolver, TokioResolver, config::ResolverConfig, name_server::TokioConnectionProvider,
    proto::rr::rdata::SRV,
};
use tokio::task::JoinSet;

use crate::config::Seed;

/// Longest time for one name. `getaddrinfo` with an unreachable name server takes longer; it is no longer waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Addresses taken of one name.
const MOST_ADDRESSES: usize = 64;
/// Hosts taken of one SRV name.
const MOST_TARGETS: usize = 32;

/// What seeds turned out to be.
#[derive(Debug, Default)]
pub struct Found {
    /// Their addresses, in the order of the seeds, each once.
    pub addresses: Vec<SocketAddr>,
    /// Names that could not be looked up, and why.
    pub failed: Vec<(Seed, String)>,
}

/// Looks seeds up.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    dns: Option<ResolverConfig>,
}

impl Lookup {
    /// SRV records by these name servers instead of the system's.
    pub fn with_dns(dns: ResolverConfig) -> Self {
        Lookup { dns: Some(dns) }
    }

    /// The addresses of all `seeds`; those without a port have `default_port`.
    pub async fn addresses(&self, seeds: &[Seed], default_port: u16) -> Found {
        let mut asked = JoinSet::new();
        for (index, seed) in seeds.iter().cloned().enumerate() {
            let lookup = self.clone();
            asked.spawn(async move {
                let answer = tokio::time::timeout(PATIENCE, lookup.one(&seed, default_port)).await;
                let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
                (index, seed, answer)
            });
        }
        let mut answers: Vec<_> = asked.join_all().await;
        answers.sort_by_key(|(index, _, _)| *index);
        let mut found = Found::default();
        for (_, seed, answer) in answers {
            match answer {
                Ok(addresses) => {
                    let new = addresses.into_iter().filter(|address| !address.ip().is_unspecified());
                    for address in new.take(MOST_ADDRESSES) {
                        if !found.addresses.contains(&address) {
                            found.addresses.push(address);
                        }
                    }
                }
                Err(error) => found.failed.push((seed, error)),
            }
        }
        found
    }

    async fn one(&self, seed: &Seed, default_port: u16) -> Result<Vec<SocketAddr>, String> {
        match seed {
            Seed::Address(ip, port) => Ok(vec![SocketAddr::new(*ip, port.unwrap_or(default_port))]),
            Seed::Host(host, port) => {
                let found = tokio::net::lookup_host((host.as_str(), port.unwrap_or(default_port))).await;
                found.map(Iterator::collect).map_err(|error: io::Error| error.to_string())
            }
            Seed::Service(name) => self.service(name).await.map_err(|error| error.to_string()),
        }
    }

    async fn service(&self, name: &str) -> Result<Vec<SocketAddr>, hickory_resolver::ResolveError> {
        let resolver = self.resolver()?;
        let records = resolver.srv_lookup(name).await?;
        let mut targets: Vec<&SRV> = records.iter().filter(|target| !target.target().is_root()).collect();
        targets.sort_by_key(|target| (target.priority(), std::cmp::Reverse(target.weight())));
        let mut addresses = Vec::new();
        let mut failed = None;
        for target in targets.into_iter().take(MOST_TARGETS) {
            match resolver.lookup_ip(target.target().clone()).await {
                Ok(ips) => addresses.extend(ips.iter().map(|ip| SocketAddr::new(ip, target.port()))),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if addresses.is_empty() => Err(error),
            _ => Ok(addresses),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, hickory_resolver::ResolveError> {
        let mut builder = match &self.dns {
            Some(config) => Resolver::builder_with_config(config.clone(), TokioConnectionProvider::default()),
            None => Resolver::builder_tokio()?,
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = PATIENCE / 4;
        options.attempts = 2;
        Ok(builder.build())
    }
}
