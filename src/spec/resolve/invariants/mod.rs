//! `invariants`: what must hold. A family has its keys and its meaning in `keys/invariants.rs`, and its reader here.

mod agree;
mod cel;
mod count;
mod events;
mod linearizable;
mod never;
mod rows;
mod selector;
mod sessions;

use indexmap::IndexMap;

use crate::spec::Invariant;
use crate::spec::keys::invariants::{self as families, Family};
use crate::spec::problem::Problem;
use crate::spec::raw::shorten;
use crate::spec::reader::{Field, Reader, list, suggest};

pub(super) use agree::source;

type Read = fn(&Reader, &Field) -> Option<Invariant>;

/// How each family is read, in the order of the table of families.
static READERS: &[(&Family, Read)] = &[
    (&families::AT_MOST_ONE, count::at_most_one),
    (&families::EXACTLY_ONE, count::exactly_one),
    (&families::AT_LEAST_ONE, count::at_least_one),
    (&families::NEVER_BOTH, events::never_both),
    (&families::NEVER_AFTER, events::never_after),
    (&families::COMPENSATED, events::compensated),
    (&families::ALWAYS, rows::always),
    (&families::CONSERVED, rows::conserved),
    (&families::MONOTONIC, rows::monotonic),
    (&families::TRANSITIONS, rows::transitions),
    (&families::AGREE, agree::read),
    (&families::NEVER, never::read),
    (&families::EVERY, events::every),
    (&families::NO_LOST, events::no_lost),
    (&families::NO_PHANTOM, events::no_phantom),
    (&families::SAME_TRANSACTION, events::same_transaction),
    (&families::IN_ORDER, events::in_order),
    (&families::sessions::READ_YOUR_WRITES, sessions::read_your_writes),
    (&families::sessions::MONOTONIC_READS, sessions::monotonic_reads),
    (&families::sessions::LAG, sessions::lag),
    (&families::sessions::LINEARIZABLE, linearizable::read),
];

pub(super) fn read(reader: &Reader, field: &Field) -> IndexMap<String, Invariant> {
    let entries = reader.entries(field, "invariant");
    if entries.is_empty() {
        let problem = Problem::at(field.at, "there is no invariant, so nothing could be violated");
        reader.report(problem.help("add at least one: `NAME: { at_most_one: EFFECT, per: ARGUMENT }`"));
    }
    for (index, entry) in entries.iter().enumerate() {
        if let Some(first) =
            entries[..index].iter().find(|first| file_name(first.key) == file_name(entry.key))
        {
            let problem = Problem::at(entry.at, "two invariants have nearly the same name")
                .related(first.at, "first here");
            reader.report(problem.help("their cases would get the same file; rename one"));
        }
    }
    let read = |entry: &Field| Some((entry.key.to_owned(), invariant(reader, entry)?));
    entries.iter().filter_map(read).collect()
}

/// What is left of a name in the name of a file.
fn file_name(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

fn invariant(reader: &Reader, field: &Field) -> Option<Invariant> {
    if field.key.trim().is_empty() || field.key.chars().any(char::is_control) || field.key.len() > 100 {
        reader.report(
            Problem::at(field.at, "an invariant needs a short name")
                .help("say in a few words what must hold"),
        );
    }
    let typed: Vec<&str> = field.node.entries().iter().map(|(key, _)| key.name.as_str()).collect();
    let mut found = READERS.iter().filter(|(family, _)| typed.contains(&family.name));
    match (found.next(), found.next()) {
        (Some((_, read)), None) => read(reader, field),
        (Some((first, _)), Some((second, _))) => {
            let message = format!("{} says both `{}` and `{}`", field.label, first.name, second.name);
            let problem = Problem::at(field.at, message);
            reader.report(problem.help("make two invariants of it"));
            None
        }
        (None, _) => {
            reader.report(no_family(field));
            None
        }
    }
}

fn no_family(field: &Field) -> Problem {
    let names: Vec<&str> = families::FAMILIES.iter().map(|family| family.name).collect();
    let known = format!("this version knows {}", list(&names, "and"));
    let entries = field.node.entries();
    let near = entries.iter().find_map(|(key, _)| Some((key, suggest(&key.name, names.iter().copied())?)));
    match (near, entries) {
        (Some((key, help)), _) => {
            Problem::at(&key.at, format!("there is no invariant `{}`", shorten(&key.name))).help(help)
        }
        (None, [(key, _), ..]) => {
            Problem::at(&key.at, format!("there is no invariant `{}`", shorten(&key.name))).help(known)
        }
        (None, []) => {
            Problem::at(field.at, format!("{} does not say what must hold", field.label)).help(known)
        }
    }
}
