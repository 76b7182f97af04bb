//! A rule: a line of `faults` in a spec.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::{Choices, Contract, Forbidden, Kind, Moment, Target, kind};

/// A kind of fault that the spec allows, and what it hits; when and how often is decided for each case.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What is done.
    pub kind: &'static Kind,
    /// To what.
    pub target: Target,
}

impl Rule {
    /// The rule of this name and target, as they are typed.
    ///
    /// # Errors
    /// There is no such kind, or it does not have a target of this form.
    pub fn read(name: &str, target: &str) -> Result<Rule, String> {
        let kind = kind(name).ok_or_else(|| format!("there is no fault `{name}`"))?;
        let target = kind.forms.iter().find_map(|form| form.read(target.trim()));
        let target = target.ok_or_else(|| format!("`{name}` hits {}", kind.forms_in_words()))?;
        Ok(Rule { kind, target })
    }

    /// What there is to decide besides the trigger.
    pub fn choices(&self) -> Choices {
        (self.kind.choices)(&self.target)
    }

    /// When it may strike in a world with this contract.
    pub fn moments(&self, contract: &dyn Contract) -> Vec<Moment> {
        (self.kind.moments)(&self.target, contract)
    }

    /// Why the contract allows it.
    ///
    /// # Errors
    /// Why it does not.
    pub fn allowed(&self, contract: &dyn Contract) -> Result<String, Forbidden> {
        (self.kind.allowed)(&self.target, contract)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.kind.name == other.kind.name && self.target == other.target
    }
}

impl Eq for Rule {}

impl Hash for Rule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.name.hash(state);
        self.target.hash(state);
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target {
            Target::World => formatter.write_str(self.kind.name),
            ref target => write!(formatter, "{} {target}", self.kind.name),
        }
    }
}
