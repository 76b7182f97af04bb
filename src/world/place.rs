//! Which world a run happens in, and from what it is made.

use std::fmt;
use std::str::FromStr;

use crate::spec::WorldSettings;

/// A kind of world, as it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Needs nothing but a Postgres installation.
    #[default]
    Embedded,
    /// Needs a Docker engine.
    Containers,
    /// Needs a Kafka and a Postgres that the user runs.
    External,
}

impl Kind {
    /// All of them, by name.
    pub const ALL: &[(&str, Kind)] =
        &[("embedded", Kind::Embedded), ("containers", Kind::Containers), ("external", Kind::External)];
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Kind::ALL.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name);
        formatter.write_str(name)
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let found = Kind::ALL.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            let known: Vec<&str> = Kind::ALL.iter().map(|(name, _)| *name).collect();
            format!("`{text}` is no world; choose one of {}", known.join(", "))
        })
    }
}

/// Which Kafka and Postgres a run uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// Ours: a broker in this process, a Postgres as its child. Needs no Docker.
    #[default]
    Embedded,
    /// Apache Kafka and Postgres in containers of these images.
    Containers(Images),
    /// Servers that the user runs.
    External(Servers),
}

/// What a user asks for, on the command line or by the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Which kind of world.
    pub kind: Kind,
    /// Servers for an external one; they win over the spec's.
    pub servers: Servers,
}

impl Wanted {
    /// What `STEADFAST_WORLD`, `STEADFAST_KAFKA` and `STEADFAST_POSTGRES` ask for.
    ///
    /// # Errors
    /// There is no world of that name.
    pub fn from_environment() -> Result<Wanted, String> {
        let kind = named("STEADFAST_WORLD").map_or(Ok(Kind::default()), |name| name.parse())?;
        Ok(Wanted {
            kind,
            servers: Servers { kafka: named("STEADFAST_KAFKA"), postgres: named("STEADFAST_POSTGRES") },
        })
    }
}

/// Servers that somebody else runs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Servers {
    /// `host:port` of Kafka brokers, with commas between.
    pub kafka: Option<String>,
    /// URL of a Postgres server, with the account of a superuser.
    pub postgres: Option<String>,
}

impl fmt::Debug for Servers {
    /// Without the URL, which holds a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Servers").field("kafka", &self.kafka).finish_non_exhaustive()
    }
}

fn named(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.trim().is_empty())
}

impl Place {
    /// Which kind of world it is.
    pub fn kind(&self) -> Kind {
        match self {
            Place::Embedded => Kind::Embedded,
            Place::Containers(_) => Kind::Containers,
            Place::External(_) => Kind::External,
        }
    }

    /// The world that is wanted, with what the spec says of it.
    pub fn of(wanted: &Wanted, settings: &WorldSettings) -> Place {
        match wanted.kind {
            Kind::Embedded => Place::Embedded,
            Kind::Containers => Place::Containers(Images::choose(settings)),
            Kind::External => Place::External(Servers {
                kafka: wanted.servers.kafka.clone().or_else(|| settings.kafka.clone()),
                postgres: wanted.servers.postgres.clone().or_else(|| settings.postgres.clone()),
            }),
        }
    }
}

/// The images of containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Apache Kafka 3.7 or newer, configured as the image `apache/kafka` is: by `KAFKA_…` variables.
    pub kafka: String,
    /// Postgres 14 or newer, configured as the image `postgres` is.
    pub postgres: String,
}

/// Environment variables that name images; they win over the spec.
pub const KAFKA_IMAGE: &str = "STEADFAST_KAFKA_IMAGE";
/// See [`KAFKA_IMAGE`].
pub const POSTGRES_IMAGE: &str = "STEADFAST_POSTGRES_IMAGE";

impl Images {
    /// The images that the environment names, or else the spec, or else the official ones.
    fn choose(settings: &WorldSettings) -> Images {
        let chosen = |variable: &str, of_spec: &Option<String>, official: &str| {
            named(variable).or_else(|| of_spec.clone()).unwrap_or_else(|| official.to_owned())
        };
        Images {
            kafka: chosen(KAFKA_IMAGE, &settings.kafka_image, "apache/kafka:4.1.1"),
            postgres: chosen(POSTGRES_IMAGE, &settings.postgres_image, "postgres:17"),
        }
    }
}
