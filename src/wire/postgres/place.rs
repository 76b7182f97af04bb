//! Where a server is found, and how one gets there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{self, AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How often a socket is tried whose server is behind with taking connections, and how long is waited in between: five seconds.
const ATTEMPTS: usize = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// Where a server is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At `host:port`.
    Address(String),
    /// At this Unix socket, which costs a fraction of what TCP does.
    Socket(PathBuf),
}

/// What comes from a server.
pub type FromServer = Box<dyn AsyncRead + Send + Unpin>;
/// What goes to a server.
pub type ToServer = Box<dyn AsyncWrite + Send + Unpin>;

impl From<&str> for Place {
    fn from(address: &str) -> Place {
        Place::Address(address.to_owned())
    }
}

impl Place {
    /// Opens a connection.
    ///
    /// # Errors
    /// Nobody is there.
    pub async fn connect(&self) -> io::Result<(FromServer, ToServer)> {
        match self {
            Place::Address(address) => {
                let stream = TcpStream::connect(address).await?;
                // Without this a small question waits for the acknowledgement of the one before it, 40 ms at a time.
                stream.set_nodelay(true)?;
                let (reader, writer) = stream.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
            Place::Socket(path) => {
                let (reader, writer) = at_socket(path).await?.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
        }
    }
}

/// Where a server takes connections more slowly than they are made, TCP would wait; a Unix socket says so.
async fn at_socket(path: &Path) -> io::Result<UnixStream> {
    for _ in 1..ATTEMPTS {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(PAUSE).await,
            other => return other,
        }
    }
    UnixStream::connect(path).await
}
