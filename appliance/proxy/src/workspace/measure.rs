//! A body of which a part is sent, and no byte more.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hyper::body::{Body, Frame, SizeHint};

/// Leaves out the first bytes of a body, and ends after so many others.
pub(super) struct Measured<B> {
    inner: B,
    skip: u64,
    /// What is to come still; `None`: all that there is.
    left: Option<u64>,
}

impl<B> Measured<B> {
    pub(super) fn new(inner: B, skip: u64, left: Option<u64>) -> Self {
        Self { inner, skip, left }
    }

    fn measure(&mut self, mut bytes: Bytes) -> Bytes {
        let skipped = self.skip.min(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.skip -= skipped;
        bytes.advance(usize::try_from(skipped).unwrap_or_default());
        if let Some(left) = &mut self.left {
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        bytes
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Measured<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            if self.left == Some(0) {
                return Poll::Ready(None);
            }
            let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(cx)?) else {
                return Poll::Ready(None);
            };
            match frame.into_data() {
                Ok(bytes) => {
                    let bytes = self.measure(bytes);
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                // Trailers are about the whole.
                Err(other) if self.left.is_none() => return Poll::Ready(Some(Ok(other))),
                Err(_) => {}
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0) || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(|| self.inner.size_hint(), SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    #[tokio::test]
    async fn a_part_is_cut_out() {
        for (skip, left, expected) in [
            (0, None, "hello world"),
            (2, Some(3), "llo"),
            (4, Some(4), "o wo"),
            (11, Some(1), ""),
            (3, Some(0), ""),
        ] {
            let frames = ["hell", "o ", "", "world"]
                .map(|text| Ok::<_, std::io::Error>(Frame::data(Bytes::from(text))));
            let body = StreamBody::new(futures_util::stream::iter(frames));
            let bytes = Measured::new(body, skip, left).collect().await.unwrap().to_bytes();
            assert_eq!(bytes, expected, "{skip} {left:?}");
        }
    }
}
