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
}

impl Kind {
    /// All of them, by name.
    pub const ALL: &[(&str, Kind)] = &[("embedded", Kind::Embedded), ("containers", Kind::Containers)];
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
            format!("`{text}` is no world; choose {}", known.join(" or "))
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
}

impl Place {
    /// Which kind of world it is.
    pub fn kind(&self) -> Kind {
        match self {
            Place::Embedded => Kind::Embedded,
            Place::Containers(_) => Kind::Containers,
        }
    }

    /// What a spec and the environment say of a world of this kind.
    ///
    /// # Errors
    /// Something that is missing, in words.
    pub fn of(kind: Kind, settings: &WorldSettings) -> Result<Place, String> {
        Ok(match kind {
            Kind::Embedded => Place::Embedded,
            Kind::Containers => Place::Containers(Images::choose(settings)),
        })
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
            let named = std::env::var(variable).ok().filter(|image| !image.trim().is_empty());
            named.or_else(|| of_spec.clone()).unwrap_or_else(|| official.to_owned())
        };
        Images {
            kafka: chosen(KAFKA_IMAGE, &settings.kafka_image, "apache/kafka:4.1.1"),
            postgres: chosen(POSTGRES_IMAGE, &settings.postgres_image, "postgres:17"),
        }
    }
}
