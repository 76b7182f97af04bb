//! From fault to violation, in one sentence.

use std::collections::HashSet;

use super::steps::{named, steps};
use crate::case::Case;
use crate::check::Evidence;
use crate::history::{History, Seen};

/// The links of the chain, first to last: the faults that fired before it went wrong, what the service was given or committed
/// after the last of them, and what is wrong then. Empty if no fault had fired.
///
/// It goes by order and subject; what else happened in between had other subjects, or was as it should be.
pub fn chain(case: &Case, history: &History, evidence: &Evidence) -> Vec<String> {
    let steps = steps(case, history, evidence);
    let mut links: Vec<String> =
        steps.iter().filter(|step| step.is_fault).map(|step| step.text.clone()).collect();
    if links.is_empty() {
        return links;
    }
    let last = evidence.events.iter().max().copied().unwrap_or(u64::MAX);
    let culprit = history.facts().find(|(event, _)| event.seq == last);
    let service = culprit.and_then(|(_, fact)| fact.service.as_deref());
    let about: HashSet<&String> = evidence.about.iter().collect();
    let delivered = history.facts().filter(|(event, fact)| {
        event.seq < last
            && fact.service.as_deref() == service
            && fact.about.iter().any(|id| about.contains(id))
    });
    let given = delivered.filter_map(|(_, fact)| match &fact.seen {
        Seen::Delivered { topic, record, .. } => {
            Some(format!("{} is given {}", fact.service.as_deref()?, named(topic, record, fact)))
        }
        _ => None,
    });
    let given: Vec<String> = given.collect();
    if let Some(last) = given.last() {
        let times = given.iter().filter(|one| *one == last).count();
        links.push(if times > 1 { format!("{last} {times} times") } else { last.clone() });
    }
    links.push(evidence.notes.last().filter(|note| !note.is_empty()).unwrap_or(&evidence.sentence).clone());
    links
}
