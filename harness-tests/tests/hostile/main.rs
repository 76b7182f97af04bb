//! Bytes that no honest client sends, at every address that a world opens: they cost their own connection and nothing else.
//! The listener goes on to serve, nothing panics, and memory stays bounded.

#[path = "../http/stage/mod.rs"]
mod http_stage;
mod listeners;
#[path = "../postgres/stage/mod.rs"]
mod postgres_stage;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use http_stage::DEADLINE;
use kafka_protocol::compression::{Compressor, Gzip, Lz4, Snappy, Zstd};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiKey, ProduceRequest, RequestHeader, TopicName};
use kafka_protocol::protocol::{Encodable, StrBytes};
use listeners::{Listener, TOPIC};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tokio::io::AsyncWriteExt;

/// What a listener and its client may need at most while they are attacked, in bytes; what leaks or is unpacked is more. A
/// thousand connections and their clients take up to 250 MiB, of which the allocator keeps a part for each thread.
const MOST_MEMORY: usize = 400 << 20;

/// Of one kind after the other, and of one test after the other, so that memory is the memory of one.
fn check(listeners: impl Future<Output = Vec<Listener>>, attack: impl AsyncFn(&Listener)) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    count_panics();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("up to the hard limit anyone may");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for listener in &listeners.await {
            survives(listener, &attack).await;
        }
    });
}

async fn survives(listener: &Listener, attack: &impl AsyncFn(&Listener)) {
    listener.serves().await;
    let (before, panics) = (memory("VmRSS"), PANICS.load(Ordering::SeqCst));
    // From here on the peak counts anew.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    attack(listener).await;
    listener.serves().await;
    let more = memory("VmHWM").saturating_sub(before);
    assert!(more < MOST_MEMORY, "{} took {} MiB", listener.name, more >> 20);
    assert_eq!(PANICS.load(Ordering::SeqCst), panics, "{} panicked", listener.name);
}

/// Of this process, in bytes.
fn memory(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kilobytes.expect("a size") * 1024
}

/// Panics in code of ours. Those of decoders that we use are caught.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.location().is_some_and(|at| at.file().starts_with("src/")) {
                PANICS.fetch_add(1, Ordering::SeqCst);
                others(panic);
            }
            if panic.location().is_some_and(|at| at.file().starts_with("harness-tests/")) {
                others(panic);
            }
        }));
    });
}

#[test]
fn requests_that_are_cut_off() {
    check(listeners::all(), async |listener| {
        for length in 0..listener.request.len() {
            listener.is_thrown(&listener.request[..length], true).await;
        }
    });
}

#[test]
fn requests_that_claim_to_be_huge() {
    check(listeners::all(), async |listener| {
        for bytes in &listener.oversized {
            listener.is_thrown(bytes, false).await;
        }
    });
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered() {
    check(listeners::all(), async |listener| {
        let mut stream = listener.connect().await;
        for byte in &listener.request {
            stream.write_all(&[*byte]).await.expect("room for a byte");
            stream.flush().await.expect("sent");
        }
        listener.answers(&mut stream).await;
    });
}

#[test]
fn random_bytes_and_requests_with_random_changes() {
    check(listeners::all(), async |listener| {
        let mut runner = TestRunner::deterministic();
        let bytes = proptest::collection::vec(proptest::num::u8::ANY, 0..2_000);
        let changes = proptest::collection::vec((proptest::num::usize::ANY, proptest::num::u8::ANY), 1..8);
        for _ in 0..100 {
            let random = bytes.new_tree(&mut runner).expect("bytes").current();
            listener.is_thrown(&random, true).await;
            let mut request = listener.request.clone();
            for (at, byte) in changes.new_tree(&mut runner).expect("changes").current() {
                let at = at % request.len();
                request[at] = byte;
            }
            listener.is_thrown(&request, true).await;
            listener.is_thrown(&[&request[..], &random].concat(), true).await;
        }
    });
}

#[test]
fn a_thousand_connections_at_once() {
    check(listeners::all(), async |listener| {
        let half = |_| async {
            let mut stream = listener.connect().await;
            stream.write_all(&listener.request[..listener.request.len() / 2]).await.expect("room");
            stream
        };
        let mut streams = Vec::new();
        for _ in 0..10 {
            streams.extend(futures::future::join_all((0..100).map(half)).await);
            // Whoever is served now stood in the queue of the kernel behind all of these, so it has room for others.
            listener.serves().await;
        }
        // Those that waited are served as well as any other; the others hang up.
        let rest = streams.into_iter().take(listener.at_once).map(|mut stream| async move {
            stream.write_all(&listener.request[listener.request.len() / 2..]).await.expect("room");
            listener.answers(&mut stream).await;
        });
        tokio::time::timeout(DEADLINE * 3, futures::future::join_all(rest)).await.expect("all in time");
    });
}

/// What the records of a bomb are once they are unpacked: more than may be.
const BOMB: usize = 512 << 20;

#[test]
fn records_that_unpack_to_more_than_anyone_sends() {
    // Made where no other test measures memory: unpacked they are here, too.
    let bombs: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let made = async {
        let all = bombs.get_or_init(|| (1..=4).map(|codec| produce(&batch(codec, &zeros(codec)))).collect());
        assert!(all.iter().all(|bomb| bomb.len() < BOMB / 16));
        listeners::kafka().await
    };
    check(made, async |listener| {
        for bomb in bombs.get().into_iter().flatten() {
            listener.is_thrown(bomb, true).await;
        }
    });
}

/// Zeros, compressed.
fn zeros(codec: u8) -> Bytes {
    let mut bytes = BytesMut::new();
    let fill = |to: &mut BytesMut| {
        to.put_bytes(0, BOMB);
        Ok(())
    };
    match codec {
        1 => Gzip::compress(&mut bytes, fill),
        2 => Snappy::compress(&mut bytes, fill),
        3 => Lz4::compress(&mut bytes, fill),
        _ => Zstd::compress(&mut bytes, fill),
    }
    .expect("room");
    bytes.freeze()
}

/// A batch that says it holds one record.
fn batch(codec: u8, records: &[u8]) -> Bytes {
    let mut checked = BytesMut::new();
    checked.put_i16(codec.into());
    checked.put_i32(0);
    checked.put_i64(1_700_000_000_000);
    checked.put_i64(1_700_000_000_000);
    checked.put_i64(-1);
    checked.put_i16(-1);
    checked.put_i32(-1);
    checked.put_i32(1);
    checked.put_slice(records);
    let mut batch = BytesMut::new();
    batch.put_i64(0);
    batch.put_u32(u32::try_from(checked.len() + 9).expect("a length"));
    batch.put_i32(-1);
    batch.put_i8(2);
    batch.put_u32(crc32c::crc32c(&checked));
    batch.put_slice(&checked);
    batch.freeze()
}

fn produce(batch: &Bytes) -> Vec<u8> {
    const VERSION: i16 = 9;
    let data = PartitionProduceData::default().with_records(Some(batch.clone()));
    let name = TopicName(StrBytes::from_static_str(TOPIC));
    let topic = TopicProduceData::default().with_name(name).with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_acks(1).with_topic_data(vec![topic]);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Produce as i16)
        .with_request_api_version(VERSION)
        .with_correlation_id(7);
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    header.encode(&mut frame, ApiKey::Produce.request_header_version(VERSION)).expect("a header");
    request.encode(&mut frame, VERSION).expect("a request");
    let length = u32::try_from(frame.len() - 4).expect("a length");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame.to_vec()
}
