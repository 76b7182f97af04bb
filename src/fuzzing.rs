//! Doors for the fuzz targets: each reads bytes of a stranger as a seam, the broker or a command would, and checks what
//! must be true of whatever comes of it. Not part of the interface.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, ApiKey, ApiVersionsRequest, EndTxnRequest, FetchRequest,
    FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest,
    MetadataRequest, OffsetCommitRequest, ProduceRequest, SyncGroupRequest, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::Request;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::case::CaseFile;
use crate::history::{Event, reader};
use crate::seam::kafka::batch::Batch;
use crate::seam::postgres::statement::Statement;
use crate::spec::Spec;
use crate::wire::postgres::{Messages, bind, error_code, first, first_text, parse};
use crate::wire::{self, Frames};
use crate::world::broker::batch::Batch as Stored;

/// What is wrong with an input.
type Wrong = String;

/// Frames on a stream of Kafka, and the message in each, as a request and as the answer to one.
///
/// # Errors
/// What a frame is depends on how its bytes arrive.
pub fn kafka_frames(bytes: &[u8]) -> Result<(), Wrong> {
    let whole = frames(bytes);
    for cut in [1, bytes.len() / 2] {
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        if frames(first.chain(second)) != whole {
            return Err(format!("other frames when they arrive in two pieces, cut at {cut}"));
        }
    }
    whole.iter().for_each(kafka_message);
    Ok(())
}

fn frames(stream: impl AsyncRead + Unpin) -> Vec<Bytes> {
    let mut frames = Frames::new(stream);
    let mut whole = Vec::new();
    while let Ok(Some(frame)) = futures::executor::block_on(frames.next()) {
        whole.push(frame);
    }
    whole
}

fn kafka_message(frame: &Bytes) {
    fn both<R: Request>(frame: &Bytes, version: i16) {
        let _ = wire::decode_request::<R>(frame, version);
        let _ = wire::decode_response::<R>(frame, version);
    }
    let Ok(head) = wire::head(frame) else { return };
    let _ = wire::decode_assignment(frame.clone());
    let Some(api) = head.api else { return };
    let decode = match api {
        ApiKey::Produce => both::<ProduceRequest>,
        ApiKey::Fetch => both::<FetchRequest>,
        ApiKey::Metadata => both::<MetadataRequest>,
        ApiKey::OffsetCommit => both::<OffsetCommitRequest>,
        ApiKey::FindCoordinator => both::<FindCoordinatorRequest>,
        ApiKey::JoinGroup => both::<JoinGroupRequest>,
        ApiKey::SyncGroup => both::<SyncGroupRequest>,
        ApiKey::Heartbeat => both::<HeartbeatRequest>,
        ApiKey::LeaveGroup => both::<LeaveGroupRequest>,
        ApiKey::ApiVersions => both::<ApiVersionsRequest>,
        ApiKey::InitProducerId => both::<InitProducerIdRequest>,
        ApiKey::AddPartitionsToTxn => both::<AddPartitionsToTxnRequest>,
        ApiKey::EndTxn => both::<EndTxnRequest>,
        ApiKey::TxnOffsetCommit => both::<TxnOffsetCommitRequest>,
        _ => return,
    };
    decode(frame, head.version);
}

/// Records, as the seam reads them and as the broker takes them.
///
/// # Errors
/// A batch that is cut before one of its records is another batch.
pub fn kafka_records(bytes: &[u8]) -> Result<(), Wrong> {
    // A checksum cannot be guessed, and only the broker asks for it.
    if let Ok(stored) = Stored::from_producer(&Bytes::copy_from_slice(bytes))
        && stored.check().is_ok()
    {
        let stored = stored.placed_at(7);
        let _ = (stored.first_from(0, i64::MIN), stored.first_from(8, 0));
    }
    let Ok(batches) = Batch::all(&Bytes::copy_from_slice(bytes)) else { return Ok(()) };
    for (place, batch) in batches.iter().enumerate() {
        let Ok(records) = batch.records() else { continue };
        if records.len() != batch.count {
            return Err(format!("{} records in a batch of {}", records.len(), batch.count));
        }
        for record in [0, batch.count / 2, batch.count] {
            let before = batches[..place].iter().map(|batch| batch.count).sum::<usize>();
            let cut = Batch::before(&batches, place, &records[..record]);
            let read = Batch::all(&cut).map_err(|error| format!("a cut batch cannot be read: {error}"))?;
            let records = read.iter().map(|batch| batch.count).sum::<usize>();
            if records != before + record {
                return Err(format!("{records} records are left of {before} and {record}"));
            }
        }
    }
    Ok(())
}

/// What a client of Postgres says, and what the statements in it are taken for.
///
/// # Errors
/// Bytes are lost or made up on the way.
pub fn postgres_messages(bytes: &[u8]) -> Result<(), Wrong> {
    let _ = first(&mut BytesMut::from(bytes));
    let mut messages = Messages::new(bytes, BytesMut::new());
    let (mut sent, mut good) = (Vec::new(), true);
    while good && futures::executor::block_on(messages.more()).unwrap_or(false) {
        loop {
            match messages.next(|_| 64) {
                Ok(Some((letter, body))) => postgres_body(letter, body),
                Ok(None) => break,
                Err(_) => {
                    good = false;
                    break;
                }
            }
            messages.pass();
        }
        futures::executor::block_on(messages.flush(&mut sent)).map_err(|error| error.to_string())?;
    }
    if bytes.starts_with(&sent) { Ok(()) } else { Err("what passed is not what was sent".to_owned()) }
}

fn postgres_body(letter: u8, body: &[u8]) {
    let _ = (parse(body).is_ok(), bind(body).is_ok());
    if letter == b'E' {
        let _ = error_code(body);
    }
    let _ = Statement::all(first_text(body));
}

/// What a user may type or edit: a case, a spec, a line of a history.
///
/// # Errors
/// What is read of it is not what is written of that.
pub fn files(bytes: &[u8]) -> Result<(), Wrong> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let file = Path::new("fuzz.yaml");
    if let Ok(case) = CaseFile::parse(text, file)
        && let Ok(written) = case.text()
    {
        let again = CaseFile::parse(&written, file).map_err(|error| format!("{error} in\n{written}"))?;
        if again != case {
            return Err(format!("another case:\n{written}"));
        }
    }
    if let Ok(event) = serde_json::from_str::<Event>(text) {
        let written = serde_json::to_string(&event).map_err(|error| error.to_string())?;
        let again =
            serde_json::from_str::<Event>(&written).map_err(|error| format!("{error} in {written}"))?;
        if again != event {
            return Err(format!("another event: {written}"));
        }
    }
    // A file of a history is as good when it is written again.
    if let Ok(stored) = reader::read_from(bytes, file) {
        let lines: Vec<String> =
            stored.history.events.iter().filter_map(|event| serde_json::to_string(event).ok()).collect();
        let written = lines.join("\n");
        let again =
            reader::read_from(written.as_bytes(), file).map_err(|error| format!("{error} in\n{written}"))?;
        if again.history != stored.history {
            return Err(format!("another history:\n{written}"));
        }
    }
    if let Err(problems) = Spec::parse(file, text) {
        let _ = problems.render(false, 100);
    }
    Ok(())
}
