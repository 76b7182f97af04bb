//! From what is typed to what is meant, section by section, with every problem on the way.

mod dependency;
mod expect;
mod faults;
mod invariants;
mod operations;
mod references;
mod services;
mod settings;
mod variants;
mod world;

use std::ops::Range;
use std::path::Path;

use indexmap::IndexMap;

use super::contract::Surroundings;
use super::raw::Node;
use super::reader::{Field, Reader};
use super::{Spec, keys};

/// Reads the whole spec. `None` only if a problem was reported; the reverse does not hold.
pub(super) fn spec(reader: &Reader, root: &Node, file: &Path) -> Option<Spec> {
    let start = root.at.start..root.at.start;
    let field = Field { key: "", at: &start, node: root, label: String::new() };
    let root = reader.section(&field, &keys::ROOT);
    let name = root.get("spec").and_then(|field| settings::spec_name(reader, field));
    if let Some(field) = root.get("version") {
        settings::version(reader, field);
    }
    let about = root.get("about").and_then(|field| reader.text(field));
    let world = root.get("world").map(|field| world::read(reader, field)).unwrap_or_default();
    let services = root.get("services").map(|field| services::read(reader, field)).unwrap_or_default();
    let operations = root.get("operations").map(|field| operations::read(reader, field)).unwrap_or_default();
    let surroundings =
        Surroundings { topics: &world.topics, dependencies: &world.dependencies, services: &services };
    let faults =
        root.get("faults").map(|field| faults::read(reader, field, &surroundings)).unwrap_or_default();
    let invariants = root.get("invariants").map(|field| invariants::read(reader, field)).unwrap_or_default();
    let lines = root.get("invariants").map(|field| lines(reader, field.node)).unwrap_or_default();
    let variants =
        root.get("variants").map(|field| variants::read(reader, field, &surroundings)).unwrap_or_default();
    let settings = settings::read(reader, &root);
    Some(Spec {
        name: name?,
        about: about.unwrap_or_default().trim().to_owned(),
        file: file.to_owned(),
        world: world.settings,
        topics: world.topics,
        databases: world.databases,
        dependencies: world.dependencies,
        services,
        operations,
        faults,
        invariants,
        lines,
        variants,
        settings,
    })
}

/// The line in which each entry of a map begins, from 1.
fn lines(reader: &Reader, map: &Node) -> IndexMap<String, usize> {
    let line =
        |place: &Range<usize>| reader.text.get(..place.start).unwrap_or_default().matches('\n').count() + 1;
    map.entries().iter().map(|(key, _)| (key.name.clone(), line(&key.at))).collect()
}
