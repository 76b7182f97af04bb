//! `lag`: from one event to the one that must follow it, without the time that the harness itself held anything.

use std::time::Duration;

use super::held::Held;
use super::inquiry::{ByKey, Choice, Chosen, Inquiry};
use super::{Evidence, Finding, Judged};
use crate::spec::Lag;

/// One event and the one that followed it.
struct Span<'c, 'h> {
    from: &'c Chosen<'h>,
    to: &'c Chosen<'h>,
    /// Microseconds between them.
    whole: u64,
    /// Microseconds of them that the harness held something.
    held: u64,
}

impl Span<'_, '_> {
    fn lag(&self) -> u64 {
        self.whole.saturating_sub(self.held)
    }
}

pub(super) fn judge(stated: &Lag, inquiry: &Inquiry) -> Judged {
    let Lag { from, to, at_most, per } = stated;
    let (from_events, to_events) = (inquiry.choose(from, per)?, inquiry.choose(to, per)?);
    let (spans, missing) = spans(inquiry, &from_events, &to_events);
    let limit = u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX);
    if let Some(late) = spans.iter().filter(|span| span.lag() > limit).max_by_key(|span| span.lag()) {
        return Ok(Finding::Seen(too_late(stated, late)));
    }
    if let Some(alone) = missing {
        let key = alone.key.as_deref().unwrap_or("(no key)");
        return Ok(Finding::Missing(Evidence {
            sentence: format!("no {to} followed {from} of {key}; {at_most:?} at most"),
            events: vec![alone.began],
            notes: vec![format!("nothing followed it: no {to} of {key}")],
            about: alone.key.iter().map(ToString::to_string).collect(),
        }));
    }
    Ok(if spans.is_empty() { Finding::NotExercised(format!("no {from} happened")) } else { Finding::Held })
}

/// How long each took, in a history.
pub(super) fn measured(stated: &Lag, inquiry: &Inquiry) -> Vec<Duration> {
    let Lag { from, to, per, .. } = stated;
    let (Ok(from), Ok(to)) = (inquiry.choose(from, per), inquiry.choose(to, per)) else { return Vec::new() };
    let (spans, _) = spans(inquiry, &from, &to);
    spans.iter().map(|span| Duration::from_micros(span.lag())).collect()
}

/// Each event of `from` with the first of `to` after it, and the first that none followed or had come before.
fn spans<'c, 'h>(
    inquiry: &Inquiry,
    from: &'c Choice<'h>,
    to: &'c Choice<'h>,
) -> (Vec<Span<'c, 'h>>, Option<&'c Chosen<'h>>) {
    let held = Held::of(inquiry.history);
    let at = |seq: u64| {
        let event = usize::try_from(seq).ok().and_then(|place| inquiry.history.events.get(place));
        event.map_or(0, |event| event.at)
    };
    let mut followers: Vec<&Chosen> = to.events.iter().collect();
    followers.sort_by_key(|event| event.ended);
    let followers = ByKey::of(&followers);
    let (mut spans, mut missing) = (Vec::new(), None);
    for event in from.events.iter().filter(|event| event.certain && event.newly) {
        let followers = followers.get(event.key.as_ref());
        let next = followers.partition_point(|other| other.ended < event.ended);
        match followers.get(next).filter(|next| next.ended < u64::MAX) {
            Some(to) => {
                let (began, ended) = (at(event.ended), at(to.ended));
                let whole = ended.saturating_sub(began);
                spans.push(Span { from: event, to, whole, held: held.within(began..ended) });
            }
            None if followers.is_empty() => {
                missing.get_or_insert(event);
            }
            None => {}
        }
    }
    (spans, missing)
}

fn too_late(stated: &Lag, late: &Span) -> Evidence {
    let Lag { from, to, at_most, .. } = stated;
    let (took, held) = (milliseconds(late.lag()), milliseconds(late.held));
    let key = late.from.key.as_deref().unwrap_or("(no key)");
    let without =
        if late.held > 0 { format!(", without {held} that steadfast held it") } else { String::new() };
    Evidence {
        sentence: format!("lag of {key}: {took} from {from} to {to}{without}; at most {at_most:?}"),
        events: vec![late.from.began, late.to.began],
        notes: vec![format!("from here {took}"), format!("{took} after it")],
        about: late.from.key.iter().map(ToString::to_string).collect(),
    }
}

fn milliseconds(micros: u64) -> String {
    format!("{} ms", micros.div_ceil(1000))
}
