//! The smallest case of each expected violation, as `smallest.yaml` has it: `1 + 1` is one operation and one fault,
//! `2 + 0 or 1` is two operations with a fault or without one; of several with commas between, none can be made of another by
//! taking something away.

use std::collections::BTreeMap;
use std::fmt;

use steadfast::case::Case;

/// Spec, variant, invariant.
type Known = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

/// How large a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    operations: usize,
    faults: usize,
}

impl Size {
    pub fn of(case: &Case) -> Size {
        Size { operations: case.operations.len(), faults: case.faults.len() }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} + {}", self.operations, self.faults)
    }
}

/// How small the minimal case of a violation can be: numbers of operations, each with its numbers of faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smallest(Vec<(usize, Vec<usize>)>);

impl Smallest {
    /// What is known of the invariant in this variant of the spec.
    pub fn known(spec: &str, variant: &str, invariant: &str) -> Result<Smallest, String> {
        let known = list()?;
        let text = known.get(spec).and_then(|variants| variants.get(variant)?.get(invariant));
        let text = text.ok_or_else(|| format!("smallest.yaml has no `{invariant}` of {spec}::{variant}"))?;
        Smallest::read(text)
            .ok_or_else(|| format!("`{text}` is not like `1 + 1`, `2 + 0 or 1` or `2 + 1, 3 + 1`"))
    }

    /// `spec::variant::invariant` of every line.
    pub fn all_known() -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        for (spec, variants) in list()? {
            for (variant, invariants) in variants {
                names.extend(invariants.into_keys().map(|name| format!("{spec}::{variant}::{name}")));
            }
        }
        Ok(names)
    }

    pub fn allows(&self, size: Size) -> bool {
        self.0
            .iter()
            .any(|(operations, faults)| size.operations == *operations && faults.contains(&size.faults))
    }

    fn read(text: &str) -> Option<Smallest> {
        let one = |text: &str| {
            let (operations, faults) = text.split_once(" + ")?;
            let faults: Option<Vec<usize>> = faults.split(" or ").map(|number| number.parse().ok()).collect();
            Some((operations.parse().ok()?, faults?))
        };
        text.split(", ").map(one).collect::<Option<Vec<_>>>().map(Smallest)
    }
}

impl fmt::Display for Smallest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |(operations, faults): &(usize, Vec<usize>)| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            format!("{operations} + {}", faults.join(" or "))
        };
        formatter.write_str(&self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

fn list() -> Result<Known, String> {
    serde_yaml::from_str(include_str!("smallest.yaml")).map_err(|error| format!("smallest.yaml: {error}"))
}
