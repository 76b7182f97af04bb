//! One link: a connection of a service, and its own connection to the server.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, join};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::book::{Answered, Asked, Book, Substitute, Way, words};
use super::listener::Listener;
use super::lock;
use crate::seam::Ruling;
use crate::wire::Closed;
use crate::wire::postgres::{First, FromServer, Messages, ToServer, error, first};

/// So much of a message is looked at. Ids that stand further back in it are not found.
const LOOKED_AT: usize = 1 << 20;
/// The client may not encrypt: it and we are on one machine.
const NOT_ENCRYPTED: &[u8] = b"N";
const STARTING_UP: &str = "57P03";
/// Errors of this class end the session.
const ENDS_SESSION: &str = "57P";

/// A connection of a service.
#[derive(Debug)]
pub struct Link {
    listener: Arc<Listener>,
    book: Mutex<Book>,
    /// What the client is told when the server has closed its side.
    farewell: Mutex<Option<Bytes>>,
}

/// Whether a direction goes on.
enum Next {
    GoesOn,
    /// The link is closed.
    Ends,
}

impl Link {
    /// A link that begins.
    pub fn new(listener: Arc<Listener>) -> Link {
        let Listener { conductor, service, database, .. } = &*listener;
        let book = Book::new(conductor.clone(), Arc::clone(service), Arc::clone(database));
        Link { listener, book: Mutex::new(book), farewell: Mutex::default() }
    }

    /// Passes traffic until one side closes, or a ruling does.
    pub async fn run(self, client: TcpStream) {
        if let Err(reason) = self.serve(client).await {
            let Listener { service, database, .. } = &*self.listener;
            tracing::debug!(%service, %database, %reason, "a connection was closed");
        }
    }

    async fn serve(&self, mut client: TcpStream) -> Result<(), Closed> {
        // Without this a small answer waits for the acknowledgement of the one before it, 40 ms at a time.
        client.set_nodelay(true)?;
        let mut buffer = BytesMut::new();
        let Some(first) = begin(&mut client, &mut buffer).await? else { return Ok(()) };
        let (packet, is_read) = match first {
            First::Encryption => return Ok(()),
            First::Cancel(packet) => (packet, false),
            First::Session { packet, database, replicates } => {
                if self.listener.refuses() {
                    client.write_all(&error("FATAL", STARTING_UP, words(STARTING_UP))).await?;
                    return Ok(());
                }
                (packet, !replicates && *database == *self.listener.database)
            }
        };
        let (from_server, mut to_server) = self.listener.server.connect().await?;
        to_server.write_all(&packet).await?;
        if !is_read {
            to_server.write_all(&buffer).await?;
            copy_bidirectional(&mut client, &mut join(from_server, to_server)).await?;
            return Ok(());
        }
        let (from_client, mut to_client) = client.into_split();
        let mut from_client = Messages::new(from_client, buffer);
        let mut from_server = Messages::new(from_server, BytesMut::new());
        tokio::select! {
            ended = self.ask(&mut from_client, &mut to_server) => ended,
            ended = self.answer(&mut from_server, &mut to_client) => ended,
        }
    }

    /// From the client to the server.
    async fn ask(&self, client: &mut Messages<OwnedReadHalf>, server: &mut ToServer) -> Result<(), Closed> {
        loop {
            while let Some((letter, body)) = client.next(|_| LOOKED_AT)? {
                let asked = self.book().ask(letter, body)?;
                if asked.ruling.is_pass() {
                    client.pass();
                    continue;
                }
                hand_on(client, server).await;
                if let Next::Ends = self.before(asked, client, server).await? {
                    return Ok(());
                }
            }
            hand_on(client, server).await;
            if !client.more().await? {
                // It may still read the answers to what it asked.
                server.shutdown().await?;
                return std::future::pending().await;
            }
        }
    }

    /// Does what was ruled of a message that the client has sent and the server has not seen.
    async fn before(
        &self,
        asked: Asked,
        client: &mut Messages<OwnedReadHalf>,
        server: &mut ToServer,
    ) -> Result<Next, Closed> {
        let Asked { ruling, failing } = asked;
        if let Next::Ends = self.wait(&ruling).await {
            return Ok(Next::Ends);
        }
        match ruling.fail {
            None => client.pass(),
            Some(code) if code.starts_with(ENDS_SESSION) => {
                self.book().terminated(&code);
                *lock(&self.farewell) = Some(error("FATAL", &code, words(&code)));
                // The server rolls back and closes; then the client is told.
                server.shutdown().await?;
                client.ended().await?;
                return Ok(Next::Ends);
            }
            Some(code) => {
                let substitute = self.book().fail(failing, &code);
                match substitute {
                    Substitute::Instead(bytes) => client.replace(&bytes),
                    Substitute::Ahead(bytes) => {
                        client.insert(&bytes);
                        client.pass();
                    }
                }
            }
        }
        Ok(Next::GoesOn)
    }

    /// From the server to the client.
    async fn answer(
        &self,
        server: &mut Messages<FromServer>,
        client: &mut OwnedWriteHalf,
    ) -> Result<(), Closed> {
        let asked = |letter| if Book::asks_for(letter) { LOOKED_AT } else { 0 };
        loop {
            while let Some((letter, body)) = server.next(asked)? {
                if !Book::asks_for(letter) {
                    server.pass();
                    continue;
                }
                let Answered { way, ruling, until_told } = self.book().answer(letter, body);
                let releases = way == Way::Release;
                if way == Way::Withhold || !ruling.is_pass() {
                    server.withhold();
                }
                match way {
                    Way::Pass | Way::Withhold | Way::Release => server.pass(),
                    Way::Drop => server.replace(&[]),
                    Way::Instead(bytes) => {
                        server.forget_withheld();
                        server.replace(&bytes);
                    }
                }
                if !ruling.is_pass() {
                    server.flush(client).await?;
                    if let Next::Ends = self.wait(&ruling).await {
                        return Ok(());
                    }
                    server.release();
                }
                if releases {
                    server.release();
                }
                drop(until_told);
            }
            server.flush(client).await?;
            if !server.more().await? {
                let farewell = lock(&self.farewell).take();
                if let Some(farewell) = farewell {
                    client.write_all(&farewell).await?;
                }
                return Ok(());
            }
        }
    }

    /// Waits as long as was ruled.
    async fn wait(&self, ruling: &Ruling) -> Next {
        if let Some(held) = &ruling.hold {
            held.cancelled().await;
        }
        // Whoever loses a connection is going to do something about it.
        self.listener.conductor.stir();
        if let Some(attempts) = ruling.refuse {
            self.listener.refuse(attempts);
            return Next::Ends;
        }
        if let Some(stopped) = &ruling.stop {
            stopped.cancelled().await;
            return Next::Ends;
        }
        Next::GoesOn
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

/// Hands on what was decided on. A server that takes nothing more has said why, or is about to end: its last words are waited for,
/// and end the link.
async fn hand_on(client: &mut Messages<OwnedReadHalf>, server: &mut ToServer) {
    if client.flush(server).await.is_err() {
        std::future::pending().await
    }
}

/// What the client begins with, once it knows that nothing is encrypted. None: it has gone.
async fn begin(client: &mut TcpStream, buffer: &mut BytesMut) -> Result<Option<First>, Closed> {
    loop {
        match first(buffer)? {
            Some(First::Encryption) => client.write_all(NOT_ENCRYPTED).await?,
            Some(other) => return Ok(Some(other)),
            None if client.read_buf(buffer).await? == 0 => return Ok(None),
            None => {}
        }
    }
}
