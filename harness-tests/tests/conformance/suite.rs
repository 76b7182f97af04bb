//! What all trials share: the brokers, one pair of each client, and what was seen.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::brokers::{Kafka, RAW, Seat};
use crate::clients::{Client, LIBRARIES, Library};
use crate::raw::{self, Probe};
use crate::scenario::{Difference, Scenario, Stage};
use crate::table::{Outcome, Seen};

/// Begun by the first trial that needs it, dropped with its container when all are over.
static SUITE: Mutex<State> = Mutex::new(State::NotBegun);

/// So often a scenario is played before a wait that ran out counts as a difference.
const ATTEMPTS: usize = 3;

enum State {
    NotBegun,
    Begun(Arc<Suite>),
    /// Apache Kafka did not start; the first trial said why.
    Failed,
}

/// The brokers and the clients.
pub struct Suite {
    kafka: Kafka,
    embedded: BTreeMap<&'static str, Seat>,
    clients: BTreeMap<&'static str, Mutex<Option<Pair>>>,
    seen: Mutex<Seen>,
}

/// One library, started for each broker.
struct Pair {
    embedded: Box<dyn Client>,
    kafka: Box<dyn Client>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The suite, begun if it is not yet.
pub fn suite() -> Arc<Suite> {
    let mut state = lock(&SUITE);
    match &*state {
        State::Begun(suite) => return Arc::clone(suite),
        State::Failed => panic!("there is no Apache Kafka"),
        State::NotBegun => *state = State::Failed,
    }
    let suite = Arc::new(Suite::begin());
    *state = State::Begun(Arc::clone(&suite));
    suite
}

/// Ends it: clients, brokers, container. What was seen, if anything was.
pub fn end() -> Option<Seen> {
    let ended = std::mem::replace(&mut *lock(&SUITE), State::NotBegun);
    let State::Begun(suite) = ended else { return None };
    Some(std::mem::take(&mut *lock(&suite.seen)))
}

impl Suite {
    fn begin() -> Suite {
        let names: Vec<&'static str> = LIBRARIES.iter().map(|library| library.name).chain([RAW]).collect();
        Suite {
            kafka: Kafka::start(&names),
            embedded: names.iter().map(|name| (*name, Seat::embedded())).collect(),
            clients: names.iter().map(|name| (*name, Mutex::new(None))).collect(),
            seen: Mutex::default(),
        }
    }

    /// The same nonsense to both. One probe at a time: several of them are about the group without a name, and one that is asked
    /// about while another one makes it is there on one side alone.
    pub fn ask_nonsense(&self, probe: &Probe) {
        let _alone = lock(&self.clients[RAW]);
        let seats = [&self.embedded[RAW], &self.kafka.seats[RAW]];
        match raw::compare(probe, &slug(probe.0), seats.map(Seat::address)) {
            Ok(called) => lock(&self.seen).probed(&called),
            Err(difference) => panic!("{difference}"),
        }
    }

    /// The same scenario on both, at the same time. What may be chance is a difference if it is one each time: a client may lose
    /// a race in its own rebalance, and a machine may be slow.
    pub fn play(&self, scenario: &Scenario, library: &Library) {
        let mut run = slug(&format!("{}-{}", library.name, scenario.name));
        for _ in 1..ATTEMPTS {
            match self.play_once(&run, scenario, library) {
                Err(difference) if difference.may_be_chance => eprintln!("once more: {}", difference.text),
                Err(difference) => panic!("{}", difference.text),
                Ok(()) => return,
            }
            run.push_str("-again");
        }
        if let Err(difference) = self.play_once(&run, scenario, library) {
            panic!("{ATTEMPTS} times: {}", difference.text);
        }
    }

    fn play_once(&self, run: &str, scenario: &Scenario, library: &Library) -> Result<(), Difference> {
        let seats = [&self.embedded[library.name], &self.kafka.seats[library.name]];
        let mut clients = lock(&self.clients[library.name]);
        let pair = clients.get_or_insert_with(|| {
            library.build();
            let [embedded, kafka] = seats.map(|seat| library.start(seat.address()));
            Pair { embedded, kafka }
        });
        seats.iter().for_each(|seat| drop(seat.relay.take_called()));
        let [embedded, kafka] = std::thread::scope(|scope| {
            let stages =
                [(&mut pair.embedded, self.direct(seats[0])), (&mut pair.kafka, self.direct(seats[1]))];
            let mut stages = stages.into_iter().zip(seats);
            [(); 2]
                .map(|()| {
                    let ((client, broker), seat) = stages.next().expect("two stages");
                    scope.spawn(move || {
                        let lose = || seat.relay.lose_acknowledgement();
                        let mut stage =
                            Stage { client: client.as_mut(), broker, lose_acknowledgement: &lose };
                        scenario.play(run, &mut stage)
                    })
                })
                .map(|thread| thread.join())
        });
        let (Ok(embedded), Ok(kafka)) = (embedded, kafka) else {
            // It may be in the middle of something.
            *clients = None;
            panic!("a client broke");
        };
        let outcome = match scenario.difference(&embedded, &kafka) {
            Some(difference) => match &difference.may_be_refused {
                Some(name) if seats[0].refusals().contains(name) => Outcome::Refused(name.clone()),
                _ => {
                    // Its members may still be in the group.
                    *clients = None;
                    return Err(difference);
                }
            },
            None => match kafka.last().and_then(|answer| answer["error"].as_str()) {
                Some("UNSUPPORTED_BY_CLIENT") => Outcome::Lacking,
                _ => Outcome::Same,
            },
        };
        let called = seats.map(|seat| seat.relay.take_called());
        lock(&self.seen).played(&scenario.name, library.name, outcome, &called);
        Ok(())
    }

    /// A broker without the relay of the client, so that what the suite asks is not counted.
    fn direct(&self, seat: &Seat) -> SocketAddr {
        seat.direct().unwrap_or_else(|| self.kafka.seats[RAW].address())
    }
}

/// Letters, digits and dashes, as the names of topics may have.
fn slug(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}
