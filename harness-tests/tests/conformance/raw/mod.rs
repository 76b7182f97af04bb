//! Requests that no library sends: every API that the embedded broker offers, asked nonsense.

mod batches;
pub mod conversation;
mod grouping;
mod membership;
mod positions;
mod producing;
mod reading;
mod topics;
mod transcript;
mod wire;

use conversation::Conversation;

use std::net::SocketAddr;
use std::path::Path;
use transcript::difference;

/// A conversation, by what it is about.
pub type Probe = (&'static str, fn(&mut Conversation));

/// All of them.
pub fn probes() -> impl Iterator<Item = &'static Probe> {
    let all = [
        wire::PROBES,
        producing::PROBES,
        reading::PROBES,
        topics::PROBES,
        positions::PROBES,
        grouping::PROBES,
        membership::PROBES,
    ];
    all.into_iter().flatten()
}

/// Holds the same conversation with both brokers. `Err` is where they differ.
pub fn compare(probe: &Probe, run: &str, addresses: [SocketAddr; 2]) -> Result<Vec<i16>, String> {
    let hold = |address: SocketAddr| {
        let mut conversation = Conversation::new(address, run);
        probe.1(&mut conversation);
        conversation.end()
    };
    let [embedded, kafka] = std::thread::scope(|scope| {
        let threads = addresses.map(|address| scope.spawn(move || hold(address)));
        threads.map(|thread| thread.join().map_err(|panic| panic_message(panic.as_ref())))
    });
    let ((embedded, called), (kafka, _)) = (
        embedded.map_err(|why| format!("embedded: {why}"))?,
        kafka.map_err(|why| format!("Apache Kafka: {why}"))?,
    );
    for (broker, transcript) in [("embedded", &embedded), ("kafka", &kafka)] {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
        std::fs::create_dir_all(&folder).expect("a folder for transcripts");
        std::fs::write(folder.join(format!("{run}.{broker}")), transcript).expect("a transcript");
    }
    match difference(&embedded, &kafka) {
        None => Ok(called),
        Some(difference) => Err(difference),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
