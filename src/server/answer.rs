//! The body of an answer: a message in pieces, and the status after it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    HeaderMap,
    body::{Body as HttpBody, Frame},
    header::HeaderValue,
};
use tonic::{Status, body::Body};

/// The largest piece of a message. The crate h2 copies pieces of less than 1 KiB together, where a connection writes from
/// one buffer (as [`super::connection::Connection`] does), and writes each larger one by itself: a system call for each
/// answer.
const PIECE_BYTES_MAX: usize = 1000;

/// The body of an answer.
#[derive(Default)]
pub(super) enum Answer {
    /// The rest of a message, and then the status OK.
    Message(Bytes),
    /// The status is told, or was told in the headers.
    #[default]
    Ended,
    /// What tonic answers.
    Other(Body),
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match &mut *self {
            Self::Message(rest) if rest.is_empty() => {
                *self = Self::Ended;
                Frame::trailers(ok())
            }
            Self::Message(rest) => {
                let piece = rest.len().min(PIECE_BYTES_MAX);
                Frame::data(rest.split_to(piece))
            }
            Self::Ended => return Poll::Ready(None),
            Self::Other(body) => return Pin::new(body).poll_frame(cx),
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Message(_) => false,
            Self::Ended => true,
            Self::Other(body) => body.is_end_stream(),
        }
    }
}

/// The trailers of a call that succeeded.
fn ok() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_message_comes_whole_in_small_pieces_and_then_its_status() {
        for length in [0, 1, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1, 10 * PIECE_BYTES_MAX] {
            let message = Bytes::from(vec![7; length]);
            let mut body = Answer::Message(message.clone());
            let (mut came, mut trailers) = (Vec::new(), None);
            while let Some(frame) = body.frame().await {
                match frame.expect("a frame").into_data() {
                    Ok(piece) => {
                        assert!(trailers.is_none() && piece.len() <= PIECE_BYTES_MAX);
                        came.extend_from_slice(&piece);
                    }
                    Err(frame) => trailers = frame.into_trailers().ok(),
                }
            }
            assert_eq!(came, message);
            assert_eq!(trailers, Some(ok()));
            assert!(body.is_end_stream());
        }
    }
}
