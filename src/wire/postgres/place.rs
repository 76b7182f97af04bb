//! Where a server is found, and how one gets there.

use std::path::PathBuf;

use tokio::io::{self, AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

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
                let (reader, writer) = UnixStream::connect(path).await?.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
        }
    }
}
