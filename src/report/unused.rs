//! What a service was given and did not use: what it does there may go another way, past the seams.

use crate::history::{Fact, Seen};
use crate::spec::{Service, Spec};

/// An address that a service was given and never used in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The service.
    pub service: String,
    /// What it was given: `kafka`, `postgres.shop`, `dependencies.gateway`, another service.
    pub what: String,
    /// By which variable, if by one.
    pub variable: Option<String>,
}

impl Unused {
    /// Everything that the services of a spec are given.
    pub fn all(spec: &Spec) -> Vec<Unused> {
        let mut all: Vec<Unused> = Vec::new();
        for (name, service) in &spec.services {
            for what in service.references().filter(|what| *what != "port").map(whole) {
                let is_known = all.iter().any(|known| known.service == *name && known.what == what);
                if !is_known {
                    all.push(Unused { service: name.clone(), variable: variable(service, &what), what });
                }
            }
        }
        all
    }

    /// Whether this fact of its service shows that it was used.
    pub fn is_used_by(&self, fact: &Fact) -> bool {
        match &fact.seen {
            Seen::Produced { .. } | Seen::Delivered { .. } | Seen::OffsetCommitted { .. } => {
                self.what == "kafka"
            }
            Seen::Queried { database, .. }
            | Seen::Committed { database }
            | Seen::RolledBack { database, .. }
            | Seen::Connected { database } => self.what.strip_prefix("postgres.") == Some(database),
            Seen::Called { dependency, .. } => {
                self.what.strip_prefix("dependencies.").unwrap_or(&self.what) == dependency
            }
            Seen::Published { .. } | Seen::Effect { .. } | Seen::Replied { .. } | Seen::Row { .. } => false,
        }
    }
}

/// `postgres.shop.jdbc` is another way to write the address of `postgres.shop`.
fn whole(reference: &str) -> String {
    let parts: Vec<&str> = reference.split('.').collect();
    let most = if parts.first() == Some(&"postgres") { 2 } else { parts.len() };
    parts.get(..most).unwrap_or(&parts).join(".")
}

fn variable(service: &Service, what: &str) -> Option<String> {
    let holds = |(_, template): &(&String, &crate::spec::Template)| {
        template.references().any(|name| whole(name) == what)
    };
    service.env.iter().find(holds).map(|(variable, _)| variable.clone())
}

impl std::fmt::Display for Unused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Unused { service, what, variable } = self;
        // It would not have been taken for ready without a connection.
        if what == "kafka" {
            return write!(
                formatter,
                "{service} is connected to Kafka, and sent no record and was given none: are the topics of the spec \
                 those that it uses, and do the operations lead there?"
            );
        }
        write!(formatter, "{service} never used {what}: ")?;
        match variable {
            Some(variable) => write!(formatter, "does it read {variable}, and do the operations lead there?"),
            None => formatter.write_str("do the operations lead there?"),
        }
    }
}
