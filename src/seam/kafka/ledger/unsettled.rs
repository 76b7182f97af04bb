//! What has not come to rest, by the books.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Ledger, Partition, Service};

/// What has not come to rest yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// Records that the relay has not published.
    pub relay: usize,
    /// Groups that have not taken in, or not committed, all there is; only those that lag.
    pub lags: Vec<Lag>,
    /// Service and group of each member that must join again and has not.
    pub rejoining: Vec<(String, String)>,
}

/// How far the members of a group that run in one service are behind in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The service.
    pub service: String,
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// Offsets that the group has not committed, in the partitions assigned to the service.
    pub behind: i64,
    /// Offsets that the service was not given, in the same partitions.
    pub undelivered: i64,
    /// The brokers were restarted, and the group has not heard of the service since: what it does not commit it may not
    /// have given up.
    pub is_out_of_touch: bool,
}

impl Ledger {
    /// Service and group of each partition that no member reads whom anybody knows to live. A member that is as good as
    /// dead may have it, until its session times out.
    fn abandoned(&self) -> impl Iterator<Item = (String, String)> {
        self.dealt.iter().flat_map(|(group, dealt)| {
            let in_group = |service: &Service| {
                let ids = service.members.iter().filter(|member| member.group == *group);
                ids.filter_map(|member| service.assigned.get(&member.id))
                    .flatten()
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let read: HashSet<Partition> = self.services.values().flat_map(in_group).collect();
            let unread = dealt.iter().filter(|(partition, _)| !read.contains(*partition));
            unread.map(|(_, service)| (service.clone(), group.clone())).collect::<Vec<_>>()
        })
    }

    fn is_out_of_touch(&self, service: &str, group: &str) -> bool {
        let unheard = self.services.get(service).map(|service| &service.unheard);
        unheard.is_some_and(|unheard| unheard.iter().any(|(of, _)| of == group))
    }

    /// What has not come to rest.
    pub fn unsettled(&self) -> Unsettled {
        let mut lags: BTreeMap<(&str, &str, &str), (i64, i64)> = BTreeMap::new();
        for (name, service) in &self.services {
            for member in &service.members {
                for partition in service.assigned.get(&member.id).into_iter().flatten() {
                    let Some(known_end) = self.known_end(partition) else { continue };
                    let end = self.ends.get(partition).copied().unwrap_or(0);
                    let committed = self.committed.get(&(member.group.clone(), partition.clone()));
                    let position = service.positions.get(partition).copied().unwrap_or(0);
                    let lag = lags.entry((name, &member.group, &partition.0)).or_default();
                    lag.0 += (end - committed.copied().unwrap_or(0).max(self.floor(partition))).max(0);
                    lag.1 += (known_end - position).max(0);
                }
            }
        }
        let lags = lags.into_iter().filter(|(_, lag)| *lag != (0, 0));
        let rejoining = self.services.iter().flat_map(|(name, service)| {
            service.rejoining.groups().map(|group| (name.clone(), group.to_owned()))
        });
        let rejoining: BTreeSet<(String, String)> = rejoining.chain(self.abandoned()).collect();
        Unsettled {
            rejoining: rejoining.into_iter().collect(),
            relay: self.backlogs.open(),
            lags: lags
                .map(|((service, group, topic), (behind, undelivered))| Lag {
                    is_out_of_touch: self.is_out_of_touch(service, group),
                    service: service.to_owned(),
                    group: group.to_owned(),
                    topic: topic.to_owned(),
                    behind,
                    undelivered,
                })
                .collect(),
        }
    }
}
