//! What usually lies behind it when a service does not come up.

use crate::spec::Ready;

/// Words in a log, and what they mostly mean here.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &["address already in use", "eaddrinuse", "was already in use", "port is already allocated"],
        "its port is taken: let it listen on the port that it is given (`PORT: ${port}` in its `env`, or whatever it reads), \
         not on a fixed one",
    ),
    (
        &["localhost:9092", "127.0.0.1:9092", "kafka:9092"],
        "it looks for Kafka where it usually is, and not where `${kafka}` says: which variable or file does it read its \
         brokers from?",
    ),
    (
        &["localhost:5432", "127.0.0.1:5432", "port 5432", ":5432"],
        "it looks for Postgres where it usually is, and not where `${postgres.NAME}` says: which variable or file does it \
         read that from?",
    ),
    (
        &["permission denied for", "must be owner of"],
        "the account of its database lacks a right; in an external world, give it to the user of --postgres",
    ),
    (
        &["no such file or directory", "cannot find module", "modulenotfounderror"],
        "is it built? `build:` runs before `run:`",
    ),
];

/// What keeps a consumer group from coming to rest.
pub(super) const UNSTABLE: &str = "its members join and leave, or one does not answer: do several consumers of the service share a group id and stop one \
     another, or is a session time-out shorter than what it does between two polls? `STEADFAST_LOG=debug` shows who joins";

/// What to look at when a service does not serve as its spec says; joining a group is told of by [`UNSTABLE`] and its log.
pub(super) fn not_serving(ready: Option<&Ready>) -> Option<&'static str> {
    match ready? {
        Ready::Call(_) => Some(
            "does it listen on the port that it is given (`${port}`), and is that its path? `start_within` gives it more time",
        ),
        Ready::Port => {
            Some("does it listen on the port that it is given (`${port}`)? `start_within` gives it more time")
        }
        Ready::Log(_) => Some(
            "does it write just these words, in one line, to standard output or standard error, and not to a file? \
             `ready: port` asks for no words; `start_within` gives it more time",
        ),
        Ready::Group => None,
    }
}

/// What to try, where the log of a service tells.
pub(super) fn hint(lines: &[String]) -> Option<&'static str> {
    let told = |words: &&str| lines.iter().any(|line| line.to_lowercase().contains(*words));
    KNOWN.iter().find(|(known, _)| known.iter().any(told)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&str>) {
        let found = hint(&["starting".to_owned(), line.to_owned()]);
        assert_eq!(found.and_then(|hint| hint.split([':', ',', ';', '?']).next()), expected, "{line}");
    }

    #[test]
    fn usual_mistakes_are_known_by_what_services_log() {
        check("Error: listen EADDRINUSE: address already in use :::3000", Some("its port is taken"));
        check("Port 8080 was already in use.", Some("its port is taken"));
        check(
            "dial tcp 127.0.0.1:9092: connect: connection refused",
            Some("it looks for Kafka where it usually is"),
        );
        check(
            "connection to server at \"localhost\", port 5432 failed",
            Some("it looks for Postgres where it usually is"),
        );
        check("Error: Cannot find module 'dist/main.js'", Some("is it built"));
        check("started", None);
    }
}
