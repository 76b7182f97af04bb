//! The settings of topics: what there is, what may be set, and what holds if nothing is. Names and values are Kafka's.
//!
//! Most of them change nothing here: nothing is compacted, expires or lies on a disk. Those that a client can notice are
//! in [`Limits`].

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kafka_protocol::messages::create_topics_response::CreatableTopicConfigs;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;

use super::shared::text;

/// What the settings of a topic allow its records.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A larger batch is refused.
    pub max_message_bytes: usize,
    /// A record this far in the future is refused.
    pub after_max_ms: i64,
    /// Then every record needs a key.
    pub is_compacted: bool,
}

impl Limits {
    /// Of a topic with these settings.
    pub fn of(given: &BTreeMap<String, String>) -> Limits {
        let number = |name: &str| value(given, name).parse().unwrap_or(i64::MAX);
        Limits {
            max_message_bytes: usize::try_from(number("max.message.bytes")).unwrap_or(usize::MAX),
            after_max_ms: number("message.timestamp.after.max.ms"),
            is_compacted: value(given, "cleanup.policy").split(',').any(|policy| policy.trim() == "compact"),
        }
    }
}

/// What a value must be, which is also how Kafka tells its type.
enum Type {
    Boolean,
    Int(RangeInclusive<i32>),
    Long(RangeInclusive<i64>),
    /// Between 0 and 1.
    Ratio,
    OneOf(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    /// Any list.
    List,
}

use Type::{Boolean, Int, List, ListOf, Long, OneOf, Ratio};

impl Type {
    /// Kafka's number of it.
    fn code(&self) -> i8 {
        match self {
            Boolean => 1,
            OneOf(_) => 2,
            Int(_) => 3,
            Long(_) => 5,
            Ratio => 6,
            List | ListOf(_) => 7,
        }
    }

    fn allows(&self, value: &str) -> bool {
        let value = value.trim();
        match self {
            Boolean => matches!(value.to_ascii_lowercase().as_str(), "true" | "false"),
            Int(range) => value.parse().is_ok_and(|number| range.contains(&number)),
            Long(range) => value.parse().is_ok_and(|number| range.contains(&number)),
            Ratio => value.parse().is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio)),
            OneOf(words) => words.contains(&value),
            ListOf(words) => value.split(',').all(|word| words.contains(&word.trim())),
            List => true,
        }
    }
}

struct Setting {
    name: &'static str,
    of: Type,
    default: &'static str,
    source: i8,
}

const SET_ON_TOPIC: i8 = 1;
const OF_THE_CLUSTER: i8 = 3;
const OF_THE_BROKER: i8 = 4;
const DEFAULT: i8 = 5;

const fn setting(name: &'static str, of: Type, default: &'static str) -> Setting {
    Setting { name, of, default, source: DEFAULT }
}

const NATURAL: RangeInclusive<i64> = 0..=i64::MAX;
const POSITIVE: RangeInclusive<i64> = 1..=i64::MAX;
const ANY: RangeInclusive<i64> = i64::MIN..=i64::MAX;
const EVER: &str = "9223372036854775807";
const DAY: &str = "86400000";
const WEEK: &str = "604800000";

/// In the order of their names.
const SETTINGS: &[Setting] = &[
    setting("cleanup.policy", ListOf(&["compact", "delete"]), "delete"),
    setting("compression.gzip.level", Int(-1..=9), "-1"),
    setting("compression.lz4.level", Int(1..=17), "9"),
    setting(
        "compression.type",
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "producer",
    ),
    setting("compression.zstd.level", Int(-131_072..=22), "3"),
    setting("delete.retention.ms", Long(NATURAL), DAY),
    setting("file.delete.delay.ms", Long(NATURAL), "60000"),
    setting("flush.messages", Long(POSITIVE), EVER),
    setting("flush.ms", Long(NATURAL), EVER),
    setting("follower.replication.throttled.replicas", List, ""),
    setting("index.interval.bytes", Int(0..=i32::MAX), "4096"),
    setting("leader.replication.throttled.replicas", List, ""),
    setting("local.retention.bytes", Long(-2..=i64::MAX), "-2"),
    setting("local.retention.ms", Long(-2..=i64::MAX), "-2"),
    setting("max.compaction.lag.ms", Long(POSITIVE), EVER),
    setting("max.message.bytes", Int(0..=i32::MAX), "1048588"),
    setting("message.timestamp.after.max.ms", Long(NATURAL), "3600000"),
    setting("message.timestamp.before.max.ms", Long(NATURAL), EVER),
    setting("message.timestamp.type", OneOf(&["CreateTime", "LogAppendTime"]), "CreateTime"),
    setting("min.cleanable.dirty.ratio", Ratio, "0.5"),
    setting("min.compaction.lag.ms", Long(NATURAL), "0"),
    Setting { name: "min.insync.replicas", of: Int(1..=i32::MAX), default: "1", source: OF_THE_CLUSTER },
    setting("preallocate", Boolean, "false"),
    setting("remote.log.copy.disable", Boolean, "false"),
    setting("remote.log.delete.on.disable", Boolean, "false"),
    setting("remote.storage.enable", Boolean, "false"),
    setting("retention.bytes", Long(ANY), "-1"),
    // Kafka's own default is a week; a broker that keeps everything says so.
    Setting { name: "retention.ms", of: Long(-1..=i64::MAX), default: "-1", source: OF_THE_BROKER },
    setting("segment.bytes", Int(1_048_576..=i32::MAX), "1073741824"),
    setting("segment.index.bytes", Int(4..=i32::MAX), "10485760"),
    setting("segment.jitter.ms", Long(NATURAL), "0"),
    setting("segment.ms", Long(POSITIVE), WEEK),
    setting("unclean.leader.election.enable", Boolean, "false"),
];

/// May a topic have this setting with this value?
pub fn is_allowed(name: &str, value: Option<&str>) -> bool {
    let known = SETTINGS.iter().find(|setting| setting.name == name);
    known.zip(value).is_some_and(|(setting, value)| setting.of.allows(value))
}

fn value<'a>(given: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    let default = SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default);
    given.get(name).map_or(default, String::as_str)
}

/// All settings of a topic as DescribeConfigs tells them.
pub fn describe(
    given: &BTreeMap<String, String>,
    wanted: impl Fn(&str) -> bool,
    version: i16,
) -> Vec<DescribeConfigsResourceResult> {
    let wanted = SETTINGS.iter().filter(|setting| wanted(setting.name));
    let described = wanted.map(|setting| {
        let source = if given.contains_key(setting.name) { SET_ON_TOPIC } else { setting.source };
        DescribeConfigsResourceResult::default()
            .with_name(text(setting.name))
            .with_value(Some(text(value(given, setting.name))))
            .with_config_source(source)
            .with_config_type(if version < 3 { 0 } else { setting.of.code() })
            .with_documentation(None)
    });
    described.collect()
}

/// All settings of a topic as CreateTopics tells them.
pub fn created(given: &BTreeMap<String, String>) -> Vec<CreatableTopicConfigs> {
    let described = SETTINGS.iter().map(|setting| {
        let source = if given.contains_key(setting.name) { SET_ON_TOPIC } else { setting.source };
        CreatableTopicConfigs::default()
            .with_name(text(setting.name))
            .with_value(Some(text(value(given, setting.name))))
            .with_config_source(source)
    });
    described.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: bool) {
        assert_eq!(is_allowed(name, Some(value)), expected, "{name}={value}");
    }

    #[test]
    fn settings_are_checked_as_kafka_does() {
        check("retention.ms", "60000", true);
        check("retention.ms", "-2", false);
        check("retention.ms", "soon", false);
        check("cleanup.policy", "compact, delete", true);
        check("cleanup.policy", "burn", false);
        check("min.cleanable.dirty.ratio", "1.5", false);
        check("no.such.setting", "1", false);
        assert!(!is_allowed("retention.ms", None));
    }

    #[test]
    fn every_default_is_allowed() {
        for setting in SETTINGS {
            check(setting.name, setting.default, true);
        }
    }
}
