//! Compressed text within bounds: what a small file may unpack to, and how long a line may be.

use std::io::{self, Read};

/// Bytes that any file may unpack to.
const FREE: u64 = 64 << 20;

/// Beyond [`FREE`], how many times its size. Text of purchases shrinks five- to thirtyfold; gzip can shrink a thousandfold.
const RATIO: u64 = 200;

/// Longest line of text, in bytes.
pub(super) const LINE: usize = 16 << 20;

/// The file unpacks to more than is believable.
#[derive(Debug, thiserror::Error)]
#[error("unpacks to more than is believable")]
struct TooMuch;

/// A reader of what was compressed, which fails once it has given too much.
pub(super) struct Unpacked<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Unpacked<R> {
    /// `size` is that of the compressed file.
    pub(super) fn new(inner: R, size: u64) -> Self {
        Self { inner, left: size.saturating_mul(RATIO).max(FREE) }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(TooMuch))?;
        Ok(read)
    }
}

/// Whether reading stopped because a file unpacks to too much.
pub(super) fn is_too_much(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooMuch>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_unpacks_to_so_many_times_its_size_and_no_more() {
        let size = FREE / RATIO + 10;
        let read = |bytes: u64| io::copy(&mut Unpacked::new(io::repeat(b'x').take(bytes), size), &mut io::sink());
        assert_eq!(read(size * RATIO).unwrap(), size * RATIO);
        assert!(is_too_much(&read(size * RATIO + 1).unwrap_err()));
        // A small file may be as repetitive as it likes.
        assert_eq!(io::copy(&mut Unpacked::new(io::repeat(0).take(FREE), 1), &mut io::sink()).unwrap(), FREE);
        assert!(!is_too_much(&io::Error::other("something else")));
    }
}
