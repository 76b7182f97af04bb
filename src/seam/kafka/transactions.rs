//! Transactions: of a mediated topic, the held topic's partitions belong to them; and what they wrote and committed
//! counts when they are committed, or never.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestPartition;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};

use super::eviction;
use super::groups::{self, Committing};
use super::ledger::{Member, Partition};
use super::link::{Exchange, Link, Reply, Step};
use super::shared::{Arrived, arrive_together, held_name, real_name};
use crate::wire::{Head, Malformed, decode_request, decode_response, encode, name};

/// What is remembered of a TxnOffsetCommit until its response.
#[derive(Debug)]
pub struct OffsetCommit {
    transaction: String,
    group: String,
    offsets: Vec<(Partition, i64)>,
}

/// What is remembered of an EndTxn until its response.
#[derive(Debug)]
pub struct End {
    transaction: String,
    /// Whether it is committed.
    committed: bool,
    offsets: Vec<Committing>,
}

/// A producer begins anew; the broker aborts what it had left open.
pub fn init(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (_, body) = decode_request::<InitProducerIdRequest>(&frame, head.version)?;
    if let Some(transaction) = body.transactional_id {
        link.shared.ledger().transaction_ended(link.name(), &transaction);
    }
    Ok(Step::Forward(frame, Exchange::Opaque))
}

/// Partitions are to belong to a transaction.
pub fn add_partitions(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (header, mut body) = decode_request::<AddPartitionsToTxnRequest>(&frame, head.version)?;
    for topic in body.v3_and_below_topics.iter_mut().filter(|topic| link.shared.is_mediated(&topic.name)) {
        topic.name = name(&held_name(&topic.name));
    }
    Ok(Step::Forward(encode(&header, &body, head.version)?, Exchange::AddPartitions))
}

/// Partitions belong to a transaction, or not.
pub fn partitions_added(frame: &Bytes, head: Head) -> Result<Bytes, Malformed> {
    let (header, mut body) = decode_response::<AddPartitionsToTxnRequest>(frame, head.version)?;
    for topic in &mut body.results_by_topic_v3_and_below {
        if let Some(real) = real_name(&topic.name).map(name) {
            topic.name = real;
        }
    }
    encode(&header, &body, head.version)
}

/// Offsets are to be committed with a transaction. They have arrived now, for this is when a group can refuse them; they
/// are facts when the transaction is committed.
pub async fn commit_offsets(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (_, body) = decode_request::<TxnOffsetCommitRequest>(&frame, head.version)?;
    let refused =
        |error| encode(&groups::answer_to(head), &refuse(&body, error), head.version).map(Step::answer);
    if link.shared.ledger().rejoining(link.name()).refuses_commit(&body.member_id) {
        return refused(ResponseError::RebalanceInProgress);
    }
    let offsets = body.topics.iter().flat_map(|topic| {
        let offset = |part: &TxnOffsetCommitRequestPartition| {
            ((topic.name.to_string(), part.partition_index), part.committed_offset)
        };
        topic.partitions.iter().map(offset)
    });
    let commit = OffsetCommit {
        transaction: body.transactional_id.to_string(),
        group: body.group_id.to_string(),
        offsets: offsets.collect(),
    };
    let committing = commit.offsets.iter().cloned();
    let committing: Vec<Committing> = committing
        .map(|(partition, offset)| groups::committing(link, &commit.group, partition, offset))
        .collect();
    let facts: Vec<_> = committing.iter().filter_map(|offset| offset.fact.as_ref()).collect();
    match arrive_together(&link.shared.conductor, &facts).await {
        Arrived::Pass => {}
        Arrived::Drop => return Ok(Step::Close),
        Arrived::Rejoin => {
            let member = Member {
                group: commit.group.clone(),
                id: body.member_id.to_string(),
                instance: body.group_instance_id.as_ref().map(|instance| instance.to_string()),
            };
            if !eviction::put_out(link, &member).await {
                return refused(ResponseError::UnknownMemberId);
            }
        }
    }
    Ok(Step::Forward(frame, Exchange::CommitInTransaction(commit)))
}

/// The answer to a commit that will not be done.
fn refuse(body: &TxnOffsetCommitRequest, error: ResponseError) -> TxnOffsetCommitResponse {
    let refused = |part: &TxnOffsetCommitRequestPartition| {
        TxnOffsetCommitResponsePartition::default()
            .with_partition_index(part.partition_index)
            .with_error_code(error.code())
    };
    let topics = body.topics.iter().map(|topic| {
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(topic.partitions.iter().map(refused).collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

/// Offsets will be committed with a transaction, or not.
pub fn offsets_committed(
    link: &Link,
    frame: Bytes,
    head: Head,
    commit: OffsetCommit,
) -> Result<Reply, Malformed> {
    let (_, body) = decode_response::<TxnOffsetCommitRequest>(&frame, head.version)?;
    let refused: Vec<Partition> = body
        .topics
        .iter()
        .flat_map(|topic| {
            let refused = topic.partitions.iter().filter(|part| part.error_code != 0);
            refused.map(|part| (topic.name.to_string(), part.partition_index))
        })
        .collect();
    let busy = || link.shared.conductor.busy("transaction");
    let mut ledger = link.shared.ledger();
    let transaction = ledger.transaction(link.name(), &commit.transaction, busy);
    let accepted = commit.offsets.into_iter().filter(|(partition, _)| !refused.contains(partition));
    transaction.offsets.extend(accepted.map(|(partition, offset)| (commit.group.clone(), partition, offset)));
    Ok(Reply::pass(frame))
}

/// A transaction is to be committed or aborted.
pub fn end(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (_, body) = decode_request::<EndTxnRequest>(&frame, head.version)?;
    let transaction = body.transactional_id.to_string();
    let offsets = match body.committed {
        true => link.shared.ledger().offsets_in(link.name(), &transaction),
        false => Vec::new(),
    };
    let offsets: Vec<Committing> = offsets
        .into_iter()
        .map(|(group, partition, offset)| groups::committing(link, &group, partition, offset))
        .collect();
    let end = End { transaction, committed: body.committed, offsets };
    Ok(Step::Forward(frame, Exchange::EndTransaction(end)))
}

/// A transaction is committed or aborted, or the client will ask again.
pub fn ended(link: &Link, frame: Bytes, head: Head, end: End) -> Result<Reply, Malformed> {
    let (_, body) = decode_response::<EndTxnRequest>(&frame, head.version)?;
    let error = ResponseError::try_from_code(body.error_code);
    if error.is_some_and(|error| error.is_retriable()) {
        return Ok(Reply::pass(frame));
    }
    let written = link.shared.ledger().transaction_ended(link.name(), &end.transaction);
    link.shared.conductor.stir();
    if error.is_some() || !end.committed {
        return Ok(Reply::pass(frame));
    }
    for (partition, upto) in written {
        link.shared.ledger().end(&partition, upto);
    }
    Ok(groups::accept(link, frame, end.offsets))
}
