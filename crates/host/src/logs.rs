//! Where guests' output goes: one file for each stream of each component.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// What a guest may write at once.
const MAX_WRITE: usize = 64 << 10;

/// One stream of one component's output.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    /// The component's id, when its output goes to stderr as well.
    follow: Option<String>,
}

impl Log {
    /// Opens `<directory>/<component>_<stream>.txt` for appending.
    pub(crate) fn open(
        directory: &Path,
        component: &str,
        stream: &str,
        follow: bool,
    ) -> io::Result<Self> {
        let path = directory.join(format!("{component}_{stream}.txt"));
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self(Arc::new(Inner {
            file,
            follow: follow.then(|| component.to_owned()),
        })))
    }

    /// Appends. The file is in the page cache, so that this does not wait for the disk.
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0.file).write_all(bytes)?;
        if let Some(component) = &self.0.follow {
            let mut stderr = io::stderr().lock();
            for line in String::from_utf8_lossy(bytes).lines() {
                writeln!(stderr, "[{component}] {line}")?;
            }
        }
        Ok(())
    }
}

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Log {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Log {
    async fn ready(&mut self) {}
}

impl OutputStream for Log {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes)
            .map_err(|error| StreamError::LastOperationFailed(error.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

impl AsyncWrite for Log {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.append(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
