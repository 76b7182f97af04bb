//! The name and version of a spec, and its bounds and pauses.

use std::time::Duration;

use super::invariants;
use crate::spec::problem::Problem;
use crate::spec::raw::shorten;
use crate::spec::reader::{Field, Fields, Reader};
use crate::spec::{Between, Settings, keys};

pub(super) fn spec_name(reader: &Reader, field: &Field) -> Option<String> {
    let name = reader.filled(field)?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.chars().all(legal) || name.len() > 60 {
        let problem =
            Problem::at(&field.node.at, format!("`{}` cannot be the name of a spec", shorten(name)));
        reader
            .report(problem.help("up to 60 lower-case letters, digits and hyphens: it also names a folder"));
    }
    Some(name.to_owned())
}

pub(super) fn version(reader: &Reader, field: &Field) {
    if let Some(text) = reader.text(field)
        && text != "1"
    {
        let problem =
            Problem::at(&field.node.at, format!("version `{}` of the format is not known", shorten(text)));
        reader.report(problem.help("this steadfast reads `version: 1`"));
    }
}

pub(super) fn read(reader: &Reader, root: &Fields) -> Settings {
    let default = Settings::default();
    let number = |key: &str, low: i64, high: i64, default: u32| {
        let number = root.get(key).and_then(|field| reader.whole(field, low..=high));
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    let pause = |key: &str, low: Duration, high: Duration, default: Duration| {
        root.get(key).and_then(|field| reader.duration(field, low..=high)).unwrap_or(default)
    };
    let (millis, minutes) = (Duration::from_millis, |minutes: u64| Duration::from_secs(60 * minutes));
    let settings = Settings {
        cases: number("cases", 1, 1_000_000, default.cases),
        clients: number("clients", 1, 16, default.clients),
        operations: number("operations_per_case", 1, 1000, default.operations),
        faults: number("faults_per_case", 0, 64, default.faults),
        quiet_for: pause("quiet_for", millis(1), minutes(1), default.quiet_for),
        deadline: pause("deadline", millis(100), minutes(60), default.deadline),
        settled_when: root
            .get("settled_when")
            .and_then(|field| invariants::source(reader, field, &keys::invariants::SOURCE)),
        operation_timeout: pause("operation_timeout", millis(10), minutes(10), default.operation_timeout),
        between_cases: root
            .get("between_cases")
            .and_then(|field| {
                reader.choice(field, &[("reset", Between::Reset), ("restart", Between::Restart)])
            })
            .unwrap_or_default(),
        check_within: pause("check_within", Duration::ZERO, minutes(60), default.check_within),
    };
    if settings.quiet_for >= settings.deadline
        && let Some(field) = root.get("quiet_for").or_else(|| root.get("deadline"))
    {
        let message = format!(
            "`quiet_for` ({:?}) leaves no time within `deadline` ({:?})",
            settings.quiet_for, settings.deadline
        );
        reader.report(Problem::at(&field.node.at, message).help("make `deadline` several times as long"));
    }
    settings
}
