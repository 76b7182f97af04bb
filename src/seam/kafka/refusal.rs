//! Records that are not taken for the moment: their partition is left out of a Produce request, and its producer
//! is told a retriable error, as by a broker that is short of replicas.
//!
//! A producer that numbers its records has more of them on the way. Kafka would take the next batch of one that it
//! does not know yet, and the refused one would be out of order for ever after. So what follows is refused too, until
//! the refused batch has come again: the shortage lasts that long.

use std::collections::HashMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};

use super::batch::Sequence;
use super::ledger::Partition;
use crate::wire::name;

/// Where Kafka has no offset or time to tell.
const NOTHING: i64 = -1;

/// Batches that producers who number theirs must send again before any other.
#[derive(Debug, Default)]
pub struct Refusals {
    /// By partition and id of the producer.
    open: HashMap<(Partition, i64), Open>,
}

#[derive(Debug)]
struct Open {
    sequence: Sequence,
    error: ResponseError,
}

impl Refusals {
    /// The batch that begins so was refused.
    pub fn refused(&mut self, partition: &Partition, sequence: Sequence, error: ResponseError) {
        if sequence.producer >= 0 {
            self.open.insert((partition.clone(), sequence.producer), Open { sequence, error });
        }
    }

    /// The error with which a batch is refused because another one must come before it.
    pub fn still(&mut self, partition: &Partition, sequence: Sequence) -> Option<ResponseError> {
        let place = (partition.clone(), sequence.producer);
        let Open { sequence: awaited, error } = self.open.get(&place)?;
        // A producer that gave the batch up begins anew with another epoch.
        let is_other = awaited.epoch != sequence.epoch;
        if is_other || sequence.next == awaited.next {
            self.open.remove(&place);
            return None;
        }
        // What comes from before the batch is sent again for another reason.
        (sequence.next.wrapping_sub(awaited.next) > 0).then_some(*error)
    }
}

/// The error of this name, as Kafka's documentation writes it; where there is none of that name, the one that says
/// what happens here.
pub fn error_named(name: &str) -> ResponseError {
    let is_it = |error: &ResponseError| format!("{error:?}").eq_ignore_ascii_case(&name.replace('_', ""));
    let mut known = (1..=i16::from(i8::MAX)).filter_map(ResponseError::try_from_code);
    known.find(is_it).unwrap_or(ResponseError::NotEnoughReplicas)
}

/// Says in a response that these partitions were refused.
pub fn tell(response: &mut ProduceResponse, refused: &[(Partition, ResponseError)]) {
    for ((topic, partition), error) in refused {
        let told = PartitionProduceResponse::default()
            .with_index(*partition)
            .with_error_code(error.code())
            .with_base_offset(NOTHING)
            .with_log_append_time_ms(NOTHING)
            .with_log_start_offset(NOTHING);
        match response.responses.iter_mut().find(|answered| answered.name.as_str() == topic) {
            Some(answered) => answered.partition_responses.push(told),
            None => response.responses.push(
                TopicProduceResponse::default().with_name(name(topic)).with_partition_responses(vec![told]),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_refused_batch_waits_for_it() {
        let partition = ("t".to_owned(), 0);
        let batch = |next, epoch| Sequence { producer: 7, epoch, next };
        let error = ResponseError::NotEnoughReplicas;
        let mut refusals = Refusals::default();
        refusals.refused(&partition, batch(3, 0), error);
        assert_eq!(refusals.still(&partition, batch(5, 0)), Some(error));
        assert_eq!(refusals.still(&partition, Sequence { producer: 8, ..batch(5, 0) }), None);
        assert_eq!(refusals.still(&("t".to_owned(), 1), batch(5, 0)), None);
        assert_eq!(refusals.still(&partition, batch(2, 0)), None);
        assert_eq!(refusals.still(&partition, batch(3, 0)), None);
        assert_eq!(refusals.still(&partition, batch(5, 0)), None, "it has come again");

        refusals.refused(&partition, batch(3, 0), error);
        assert_eq!(refusals.still(&partition, batch(0, 1)), None, "begun anew");
        assert_eq!(refusals.still(&partition, batch(1, 1)), None);

        refusals.refused(&partition, Sequence { producer: -1, epoch: -1, next: -1 }, error);
        assert_eq!(refusals.still(&partition, Sequence { producer: -1, epoch: -1, next: -1 }), None);
    }

    #[test]
    fn an_error_is_known_by_its_name() {
        assert_eq!(error_named("NOT_ENOUGH_REPLICAS"), ResponseError::NotEnoughReplicas);
        assert_eq!(error_named("NOT_LEADER_OR_FOLLOWER"), ResponseError::NotLeaderOrFollower);
        assert_eq!(error_named("NO_SUCH_ERROR"), ResponseError::NotEnoughReplicas);
    }
}
