//! `in_order`: records of a key arrive as they were produced.

use foldhash::HashMap;

use super::chooser::of_record;
use super::evaluate::{Evaluator, number};
use super::inquiry::Inquiry;
use super::key::Key;
use super::versions::fingerprint;
use super::{Evidence, Finding, Judged, and_more};
use crate::history::{Content, Seen};
use crate::spec::{InOrder, Subject};

/// Only the first delivery of each content to a service counts, so that repeats and rewinds do not. Where two records of a
/// key hold the same, they are one.
pub(super) fn judge(in_order: &InOrder, inquiry: &Inquiry) -> Judged {
    let InOrder { delivered, by, per } = in_order;
    let choice = inquiry.choose(delivered, per)?;
    let by_value = by.as_ref().map(Evaluator::new);
    let firsts = choice.events.iter().filter(|event| !event.repeated);
    let produced = by.is_none().then(|| produced(inquiry, &delivered.of));
    // By service and key: where the delivery is that is the furthest so far, and how far it is.
    let mut furthest: HashMap<(Option<&str>, &Key), (u64, f64)> = HashMap::default();
    let (mut compared, mut broken) = (0_usize, Vec::new());
    for event in firsts {
        let Some(key) = event.key.as_ref() else { continue };
        let Some((service, content)) = inquiry.delivery(event.began) else { continue };
        let place = match (&produced, &by_value) {
            (_, Some(by)) => {
                let value = by.value(|variable| of_record(variable, content));
                number(&value.map_err(|reason| format!("{delivered}: {reason}"))?)
            }
            (Some(produced), None) => produced.get(&of_content(content)).copied(),
            (None, None) => None,
        };
        let Some(place) = place else { continue };
        let last = furthest.entry((service, key)).or_insert((event.began, place));
        if last.0 != event.began {
            compared += 1;
        }
        if place < last.1 {
            broken.push((key, last.0, event.began));
        } else {
            *last = (event.began, place);
        }
    }
    let Some((key, ahead, behind)) = broken.first() else {
        return Ok(match compared {
            0 => Finding::NotExercised(format!("nobody had two of one {per}: {delivered}")),
            _ => Finding::Held,
        });
    };
    let order = by.as_ref().map_or_else(|| "as produced".to_owned(), |by| format!("by {by}"));
    let sentence =
        format!("{delivered} is in order {order}, per {per}: that of {key} is not{}", and_more(broken.len()));
    let culprits =
        vec![(*ahead, "delivered too early".to_owned()), (*behind, "should have come first".to_owned())];
    Ok(Finding::Seen(Evidence::new(sentence, culprits, key)))
}

/// Where each content was first produced to the topic.
fn produced(inquiry: &Inquiry, of: &Subject) -> HashMap<u64, f64> {
    let mut places = HashMap::default();
    let Subject::Delivered { topic, .. } = of else { return places };
    for (nth, (_, fact)) in inquiry.index.produced(topic).iter().enumerate() {
        if let Seen::Produced { record, .. } = &fact.seen {
            #[expect(clippy::cast_precision_loss, reason = "no history has 2^53 facts")]
            places.entry(of_content(record)).or_insert(nth as f64);
        }
    }
    places
}

fn of_content(content: &Content) -> u64 {
    fingerprint(&(&content.key, &content.value))
}
