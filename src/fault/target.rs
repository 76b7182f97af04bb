//! What a rule of the spec hits, as it is typed.

use std::fmt;
use std::ops::Range;

/// What a rule hits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// `order-events`: the records of a topic, for everyone.
    Topic {
        /// The topic.
        topic: String,
    },
    /// `order-events to payments`: the records of a topic, for one consumer.
    Delivery {
        /// The topic.
        topic: String,
        /// The consumer.
        service: String,
    },
    /// `orders produces to order-events`.
    Produces {
        /// The producer.
        service: String,
        /// The topic.
        topic: String,
    },
    /// `payments commits to shop`.
    Commits {
        /// The service.
        service: String,
        /// The database.
        database: String,
    },
    /// `payments queries shop`.
    Queries {
        /// The service.
        service: String,
        /// The database.
        database: String,
    },
    /// `payments calls gateway`.
    Calls {
        /// The caller.
        service: String,
        /// The dependency or service that is called.
        callee: String,
    },
    /// `payments`.
    Service {
        /// The service.
        service: String,
    },
    /// Nothing that has a name in the spec: a server of the world.
    World,
}

/// What a name in a target names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// A topic of the spec.
    Topic,
    /// A service of the spec.
    Service,
    /// A database of the spec.
    Database,
    /// A dependency or a service of the spec.
    Callee,
}

/// A form that a target can have; each is a [`Target`] of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// [`Target::Topic`].
    Topic,
    /// [`Target::Delivery`].
    Delivery,
    /// [`Target::Produces`].
    Produces,
    /// [`Target::Commits`].
    Commits,
    /// [`Target::Queries`].
    Queries,
    /// [`Target::Calls`].
    Calls,
    /// [`Target::Service`].
    Service,
    /// [`Target::World`].
    World,
}

impl Form {
    /// As documentation and messages write it.
    pub fn shown(self) -> &'static str {
        match self {
            Form::Topic => "TOPIC",
            Form::Delivery => "TOPIC to SERVICE",
            Form::Produces => "SERVICE produces to TOPIC",
            Form::Commits => "SERVICE commits to DATABASE",
            Form::Queries => "SERVICE queries DATABASE",
            Form::Calls => "SERVICE calls DEPENDENCY",
            Form::Service => "SERVICE",
            Form::World => "",
        }
    }

    /// The words between the names; `None` for forms of one name or none.
    fn words(self) -> Option<&'static str> {
        match self {
            Form::Delivery => Some(" to "),
            Form::Produces => Some(" produces to "),
            Form::Commits => Some(" commits to "),
            Form::Queries => Some(" queries "),
            Form::Calls => Some(" calls "),
            Form::Topic | Form::Service | Form::World => None,
        }
    }

    /// The names in a text of this form, with where each stands in it and what it names; `None`: another form.
    pub fn names(self, text: &str) -> Option<Vec<(Noun, Range<usize>)>> {
        let nouns: &[Noun] = match self {
            Form::Topic => &[Noun::Topic],
            Form::Delivery => &[Noun::Topic, Noun::Service],
            Form::Produces => &[Noun::Service, Noun::Topic],
            Form::Commits | Form::Queries => &[Noun::Service, Noun::Database],
            Form::Calls => &[Noun::Service, Noun::Callee],
            Form::Service => &[Noun::Service],
            Form::World => &[],
        };
        let ranges = match (nouns, self.words()) {
            ([], _) => text.is_empty().then(Vec::new)?,
            ([_], _) => vec![trimmed(text, 0..text.len())],
            (_, words) => {
                let words = words?;
                let middle = text.find(words)?;
                vec![trimmed(text, 0..middle), trimmed(text, middle + words.len()..text.len())]
            }
        };
        let names = nouns.iter().copied().zip(ranges);
        // A name has no spaces: with one in it, the text has another form.
        let fits = |(_, range): &(Noun, Range<usize>)| {
            let name = &text[range.clone()];
            !name.is_empty() && !name.contains(char::is_whitespace)
        };
        let names: Vec<_> = names.collect();
        names.iter().all(fits).then_some(names)
    }

    /// The target that a text of this form says.
    pub fn read(self, text: &str) -> Option<Target> {
        let names = self.names(text)?;
        let mut names = names.into_iter().map(|(_, range)| text[range].to_owned());
        let mut next = || names.next().unwrap_or_default();
        Some(match self {
            Form::Topic => Target::Topic { topic: next() },
            Form::Delivery => Target::Delivery { topic: next(), service: next() },
            Form::Produces => Target::Produces { service: next(), topic: next() },
            Form::Commits => Target::Commits { service: next(), database: next() },
            Form::Queries => Target::Queries { service: next(), database: next() },
            Form::Calls => Target::Calls { service: next(), callee: next() },
            Form::Service => Target::Service { service: next() },
            Form::World => Target::World,
        })
    }
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}

impl Target {
    /// The service that it names, if it names one.
    pub fn service(&self) -> Option<&str> {
        match self {
            Target::Delivery { service, .. }
            | Target::Produces { service, .. }
            | Target::Commits { service, .. }
            | Target::Queries { service, .. }
            | Target::Calls { service, .. }
            | Target::Service { service } => Some(service),
            Target::Topic { .. } | Target::World => None,
        }
    }

    /// The topic that it names, if it names one.
    pub fn topic(&self) -> Option<&str> {
        match self {
            Target::Topic { topic } | Target::Delivery { topic, .. } | Target::Produces { topic, .. } => {
                Some(topic)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Topic { topic } => formatter.write_str(topic),
            Target::Delivery { topic, service } => write!(formatter, "{topic} to {service}"),
            Target::Produces { service, topic } => write!(formatter, "{service} produces to {topic}"),
            Target::Commits { service, database } => write!(formatter, "{service} commits to {database}"),
            Target::Queries { service, database } => write!(formatter, "{service} queries {database}"),
            Target::Calls { service, callee } => write!(formatter, "{service} calls {callee}"),
            Target::Service { service } => formatter.write_str(service),
            Target::World => Ok(()),
        }
    }
}
