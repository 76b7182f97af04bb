//! The names that a spec gives to things, gathered before anything is checked.
//!
//! A service whose `run` is missing is still a service of that name. Gathering first keeps one mistake from
//! causing a second message elsewhere.

use indexmap::{IndexMap, IndexSet};

use super::raw::{Kind, Node};

/// Names by what they name.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub topics: IndexSet<String>,
    pub databases: IndexSet<String>,
    pub dependencies: IndexSet<String>,
    pub services: IndexMap<String, Uses>,
    /// Effects, and whether every route that has it says what it is about.
    pub effects: IndexMap<String, bool>,
    pub invariants: IndexSet<String>,
    /// Operations, and the arguments of each.
    pub operations: IndexMap<String, IndexSet<String>>,
    /// Arguments that some operation makes.
    pub new_arguments: IndexSet<String>,
    /// Operations that make an argument: the argument, and the operation.
    pub makers: Vec<(String, String)>,
}

/// What a service asks for.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Uses {
    pub port: bool,
    pub kafka: bool,
}

impl Names {
    /// Gathers what is there and says nothing of what is wrong with it.
    pub fn of(root: &Node) -> Names {
        let mut names = Names::default();
        if let Some(world) = root.get("world") {
            names.topics = keys(world.get("kafka").and_then(|kafka| kafka.get("topics")));
            names.databases = keys(world.get("postgres"));
            names.dependencies = keys(world.get("dependencies"));
            let routes = world
                .get("dependencies")
                .into_iter()
                .flat_map(Node::entries)
                .flat_map(|(_, of)| of.entries());
            for (_, route) in routes {
                if let Some(effect) = route.get("effect").and_then(Node::text) {
                    *names.effects.entry(effect.to_owned()).or_insert(true) &= route.get("key").is_some();
                }
            }
        }
        for (key, service) in root.get("services").into_iter().flat_map(Node::entries) {
            let mentions = |reference: &str| {
                let texts =
                    ["env", "files"].into_iter().filter_map(|key| service.get(key)).flat_map(Node::entries);
                texts
                    .filter_map(|(_, value)| value.text())
                    .any(|text| text.replace(' ', "").contains(reference))
            };
            let listens = |name: &str| service.get("listen").is_some_and(|listen| listen.get(name).is_some());
            let has = |key: &str| service.get(key).is_some();
            let uses = Uses {
                port: mentions("${port") || has("address") || has("port") || has("adapter"),
                kafka: mentions("${kafka") || listens("kafka") || has("adapter"),
            };
            names.services.insert(key.name.clone(), uses);
        }
        names.invariants = keys(root.get("invariants"));
        for (name, operation) in root.get("operations").into_iter().flat_map(Node::entries) {
            names.operations.insert(name.name.clone(), keys(operation.get("given")));
            for (key, value) in operation.get("given").into_iter().flat_map(Node::entries) {
                if value.text() == Some("new") {
                    names.new_arguments.insert(key.name.clone());
                    names.makers.push((key.name.clone(), name.name.clone()));
                }
            }
        }
        names
    }
}

/// The keys of a map; a bare list of names is a likely slip and names them as well.
fn keys(node: Option<&Node>) -> IndexSet<String> {
    match node.map(|node| &node.kind) {
        Some(Kind::Map(entries)) => entries.iter().map(|(key, _)| key.name.clone()).collect(),
        Some(Kind::List(items)) => items.iter().filter_map(Node::text).map(str::to_owned).collect(),
        _ => IndexSet::new(),
    }
}
