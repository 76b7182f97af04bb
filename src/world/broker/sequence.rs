//! The memory of idempotent producers in one partition: which batches were already appended.

use std::collections::{HashMap, VecDeque};

use kafka_protocol::ResponseError;

use super::batch::Origin;

/// How many batches of a producer are remembered; Kafka allows as many requests in flight.
const REMEMBERED: usize = 5;

/// What to do with a batch of an idempotent producer.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is the next one.
    Append,
    /// It was appended before.
    Duplicate(Appended),
}

/// Per producer id: its epoch and its last batches.
#[derive(Debug, Default)]
pub struct Sequences {
    producers: HashMap<i64, Producer>,
}

#[derive(Debug)]
struct Producer {
    epoch: i16,
    recent: VecDeque<Seen>,
}

/// Where and when a batch was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub base_offset: i64,
    /// The latest timestamp of its records.
    pub max_timestamp: i64,
}

#[derive(Debug)]
struct Seen {
    first: i32,
    last: i32,
    appended: Appended,
}

impl Sequences {
    /// Decides on a batch, as Kafka does: an unknown producer may start anywhere, a new epoch starts at zero,
    /// an old epoch is fenced, and a gap is `OutOfOrderSequenceNumber`.
    pub fn admit(&self, origin: Origin) -> Result<Admission, ResponseError> {
        let Some(producer) = self.producers.get(&origin.producer_id) else {
            return Ok(Admission::Append);
        };
        if origin.epoch < producer.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let in_order = if origin.epoch > producer.epoch {
            origin.first_sequence == 0
        } else {
            let last = last_sequence(origin);
            let same = |seen: &&Seen| seen.first == origin.first_sequence && seen.last == last;
            if let Some(seen) = producer.recent.iter().find(same) {
                return Ok(Admission::Duplicate(seen.appended));
            }
            producer.recent.back().is_none_or(|seen| origin.first_sequence == advance(seen.last, 1))
        };
        if in_order { Ok(Admission::Append) } else { Err(ResponseError::OutOfOrderSequenceNumber) }
    }

    /// Remembers a batch that was appended.
    pub fn remember(&mut self, origin: Origin, appended: Appended) {
        let producer = self
            .producers
            .entry(origin.producer_id)
            .or_insert_with(|| Producer { epoch: origin.epoch, recent: VecDeque::new() });
        if producer.epoch != origin.epoch {
            producer.epoch = origin.epoch;
            producer.recent.clear();
        }
        if producer.recent.len() == REMEMBERED {
            producer.recent.pop_front();
        }
        producer.recent.push_back(Seen {
            first: origin.first_sequence,
            last: last_sequence(origin),
            appended,
        });
    }
}

fn last_sequence(origin: Origin) -> i32 {
    advance(origin.first_sequence, origin.count - 1)
}

/// Sequences go round from the highest to zero, never through negative numbers.
fn advance(sequence: i32, by: i32) -> i32 {
    sequence.wrapping_add(by) & i32::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, first_sequence: i32, count: i32) -> Origin {
        Origin { producer_id: 7, epoch, first_sequence, count }
    }

    fn at(base_offset: i64) -> Appended {
        Appended { base_offset, max_timestamp: 0 }
    }

    /// Appends `before` one after the other, ten offsets apart, then asks for `next`.
    fn check(before: &[Origin], next: Origin, expected: Result<Admission, ResponseError>) {
        let mut sequences = Sequences::default();
        for (index, origin) in before.iter().enumerate() {
            assert_eq!(sequences.admit(*origin), Ok(Admission::Append), "batch {index}");
            sequences.remember(*origin, at(index as i64 * 10));
        }
        assert_eq!(sequences.admit(next), expected, "{next:?}");
    }

    #[test]
    fn the_next_batch_is_appended() {
        check(&[], batch(0, 0, 1), Ok(Admission::Append));
        check(&[], batch(0, 9, 1), Ok(Admission::Append));
        check(&[batch(0, 0, 3)], batch(0, 3, 1), Ok(Admission::Append));
        check(&[batch(0, i32::MAX - 1, 2)], batch(0, 0, 1), Ok(Admission::Append));
        check(&[batch(0, i32::MAX, 2)], batch(0, 1, 1), Ok(Admission::Append));
    }

    #[test]
    fn one_of_the_last_five_batches_is_a_duplicate() {
        let six: Vec<Origin> = (0..6).map(|n| batch(0, n, 1)).collect();
        check(&six, batch(0, 5, 1), Ok(Admission::Duplicate(at(50))));
        check(&six, batch(0, 1, 1), Ok(Admission::Duplicate(at(10))));
        check(&six, batch(0, 0, 1), Err(ResponseError::OutOfOrderSequenceNumber));
        check(&[batch(0, 0, 3)], batch(0, 0, 2), Err(ResponseError::OutOfOrderSequenceNumber));
    }

    #[test]
    fn a_gap_is_out_of_order() {
        check(&[batch(0, 0, 1)], batch(0, 2, 1), Err(ResponseError::OutOfOrderSequenceNumber));
    }

    #[test]
    fn a_new_epoch_starts_at_zero_and_fences_the_old_one() {
        check(&[batch(1, 4, 1)], batch(2, 0, 1), Ok(Admission::Append));
        check(&[batch(1, 4, 1)], batch(2, 5, 1), Err(ResponseError::OutOfOrderSequenceNumber));
        check(&[batch(1, 0, 1)], batch(0, 1, 1), Err(ResponseError::InvalidProducerEpoch));
        check(&[batch(0, 0, 1), batch(1, 0, 1)], batch(1, 1, 1), Ok(Admission::Append));
    }
}
