//! The table in `docs/conformance.md`, made of what was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use kafka_protocol::messages::ApiKey;

use crate::brokers::RAW;
use crate::clients::LIBRARIES;
use crate::relay::Called;
use crate::scenario::Scenario;

/// Set to write the table instead of comparing it.
const BLESS: &str = "STEADFAST_BLESS";

/// How a scenario ended that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Same,
    /// What the embedded broker refused by name.
    Refused(String),
    /// The library has no such call.
    Lacking,
}

/// Everything that goes into the table.
#[derive(Default)]
pub struct Seen {
    /// By client and API: the highest version on each broker.
    called: BTreeMap<(&'static str, i16), [Option<i16>; 2]>,
    /// By client: the APIs that were called where nothing was refused.
    unrefused: BTreeSet<(&'static str, i16)>,
    scenarios: BTreeMap<String, BTreeMap<&'static str, Outcome>>,
    probed: BTreeSet<i16>,
}

impl Seen {
    /// A conversation in raw requests with these APIs went the same way.
    pub fn probed(&mut self, called: &[i16]) {
        self.probed.extend(called);
    }

    /// A scenario was played.
    pub fn played(&mut self, scenario: &str, client: &'static str, outcome: Outcome, called: &[Called; 2]) {
        if !matches!(outcome, Outcome::Refused(_)) {
            self.unrefused.extend(called.iter().flat_map(Called::keys).map(|api| (client, *api)));
        }
        self.scenarios.entry(scenario.to_owned()).or_default().insert(client, outcome);
        for (broker, called) in called.iter().enumerate() {
            for (api, version) in called {
                let seen = &mut self.called.entry((client, *api)).or_default()[broker];
                *seen = (*seen).max(Some(*version));
            }
        }
    }

    /// Writes the table, or says how it differs from the one that is stored.
    pub fn settle(&self, scenarios: &[Scenario]) -> Result<(), String> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
        let table = self.page(scenarios);
        if std::env::var(BLESS).is_ok_and(|value| value == "1") {
            return std::fs::write(&path, table).map_err(|error| format!("{}: {error}", path.display()));
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        let (old, new): (Vec<_>, Vec<_>) = (stored.lines().collect(), table.lines().collect());
        let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
        let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"));
        let changed: Vec<String> = gone.chain(come).collect();
        match changed.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "docs/conformance.md is not what was seen; {BLESS}=1 writes it\n{}",
                changed.join("\n")
            )),
        }
    }

    fn page(&self, scenarios: &[Scenario]) -> String {
        let clients: Vec<&'static str> = LIBRARIES.iter().map(|library| library.name).collect();
        let mut page = String::from(INTRODUCTION);
        page.push_str("\n## APIs\n\n");
        page.push_str(&row("API", clients.iter().map(|name| (*name).to_owned()).chain([RAW.to_owned()])));
        page.push_str(&row("---", clients.iter().map(|_| "---".to_owned()).chain(["---".to_owned()])));
        let apis: BTreeSet<i16> =
            self.called.keys().map(|(_, api)| *api).chain(self.probed.iter().copied()).collect();
        for api in apis {
            // A number that is none was asked for on purpose.
            let Ok(key) = ApiKey::try_from(api) else { continue };
            let name = format!("{key:?}");
            let probed = if self.probed.contains(&api) { "same" } else { "–" };
            let cells = clients.iter().map(|client| self.api_cell(client, api, &name));
            page.push_str(&row(&name, cells.chain([probed.to_owned()])));
        }
        page.push_str("\n## Scenarios\n\n");
        page.push_str(&row("scenario", clients.iter().map(|name| (*name).to_owned())));
        page.push_str(&row("---", clients.iter().map(|_| "---".to_owned())));
        for (scenario, outcomes) in &self.scenarios {
            page.push_str(&row(scenario, clients.iter().map(|client| scenario_cell(outcomes.get(client)))));
        }
        page.push_str("\n## Not played\n\n");
        for scenario in scenarios {
            for library in LIBRARIES {
                if let Some(reason) = scenario.reason_against(library.name) {
                    page.push_str(&format!("- {} by {}: {reason}\n", scenario.name, library.name));
                }
            }
        }
        page.push_str("\n## Refused by name\n\n");
        for refused in self.refused() {
            page.push_str(&format!("- {refused}\n"));
        }
        page
    }

    /// `same 12 · 17`: same answers; version 12 spoken with the embedded broker, 17 with Apache Kafka.
    fn api_cell(&self, client: &'static str, api: i16, name: &str) -> String {
        let in_part = self.refused_to(client).iter().any(|refusal| refusal.starts_with(name));
        match self.called.get(&(client, api)).copied() {
            None => "–".to_owned(),
            Some([None, Some(_)]) if !self.unrefused.contains(&(client, api)) => "refused".to_owned(),
            Some([None, Some(_)]) => "not offered".to_owned(),
            Some([embedded, kafka]) => {
                let say =
                    |version: Option<i16>| version.map_or("–".to_owned(), |version| version.to_string());
                let versions = match embedded == kafka {
                    true => say(embedded),
                    false => format!("{} · {}", say(embedded), say(kafka)),
                };
                format!("same {versions}{}", if in_part { ", refused in part" } else { "" })
            }
        }
    }

    fn refused_to(&self, client: &str) -> BTreeSet<&String> {
        let outcomes = self.scenarios.values().filter_map(|outcomes| outcomes.get(client));
        let refusals = outcomes.filter_map(|outcome| match outcome {
            Outcome::Refused(name) => Some(name),
            _ => None,
        });
        refusals.collect()
    }

    fn refused(&self) -> BTreeSet<&String> {
        LIBRARIES.iter().flat_map(|library| self.refused_to(library.name)).collect()
    }
}

fn scenario_cell(outcome: Option<&Outcome>) -> String {
    match outcome {
        None => "not played",
        Some(Outcome::Same) => "same",
        Some(Outcome::Refused(_)) => "refused",
        Some(Outcome::Lacking) => "–",
    }
    .to_owned()
}

fn row(first: &str, cells: impl Iterator<Item = String>) -> String {
    format!("| {first} | {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

const INTRODUCTION: &str = "\
# What the embedded broker shares with Apache Kafka

Written by the conformance suite itself: `STEADFAST_BLESS=1 cargo test --release -p harness-tests --test conformance`. Without
that, the suite fails when this page is not what it saw. Every scenario is played by every client on the embedded broker and on
Apache Kafka 4.1, and every answer is compared; raw requests ask every API that the embedded broker offers what no library
would. Where the two differ, Kafka is right, and the suite fails.

- `same 12 · 17`: the client was answered the same; it spoke version 12 with the embedded broker and 17 with Apache Kafka.
- `refused`: the embedded broker does not do this. It says so by name, and that `--world containers` does.
- `refused in part`: it answers the same, and refuses by name what is listed at the end.
- `not offered`: only Apache Kafka offers it, the client does without and the answers are the same.
- `–`: the library does not call it, or has no such call.
";
