//! Answering where a request arrives: the streams of a connection are run by the task that reads from it, as far as they
//! come without waiting.
//!
//! A task for each stream, as hyper's usual executors have it, is put into a queue, woken, taken by a thread, and wakes
//! the connection in turn, which costs more than a decision: 8.9 µs a call of a server that does nothing, against 5.4
//! here. Streams are run once the connection has nothing more to read, so that all that arrived together is answered by one
//! write. What has to wait for something goes on as a task of its own, and holds nobody up; so does what is left when a
//! turn has taken long, as verifying many signed bodies does.

use std::{
    mem,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use hyper::rt::Executor;
use tokio::time::Instant;
use tracing::error;

/// How long streams are run in one turn, roughly.
const TURN_TIME: Duration = Duration::from_millis(1);
/// After how many streams it is looked whether that is over: a decision takes some microseconds, a signature up to 60.
const CLOCK_EVERY: usize = 16;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The streams of a connection that nobody has run yet.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<Vec<Stream>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(stream));
    }
}

impl Streams {
    /// Whether there are any.
    fn are_waiting(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes all of them; `into` is empty, and its room is used by the next ones.
    fn take(&self, into: &mut Vec<Stream>) {
        mem::swap(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), into);
    }
}

/// A connection together with its streams.
pub(super) struct Inline<C> {
    connection: C,
    streams: Streams,
    /// Those that are run now.
    running: Vec<Stream>,
}

impl<C: Future + Unpin> Inline<C> {
    /// Runs `connection`, which gives its streams to `streams`.
    pub(super) fn new(connection: C, streams: Streams) -> Self {
        Self { connection, streams, running: Vec::new() }
    }

    /// The connection itself.
    pub(super) fn connection(&mut self) -> Pin<&mut C> {
        Pin::new(&mut self.connection)
    }
}

impl<C: Future + Unpin> Future for Inline<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = &mut *self;
        // What has come is read,
        if let Poll::Ready(ended) = Pin::new(&mut this.connection).poll(cx) {
            return Poll::Ready(ended);
        }
        this.streams.take(&mut this.running);
        if this.running.is_empty() {
            return Poll::Pending;
        }
        let began = Instant::now();
        let mut is_over = false;
        for (number, stream) in this.running.drain(..).enumerate() {
            is_over |= number > 0 && number % CLOCK_EVERY == 0 && began.elapsed() > TURN_TIME;
            if is_over {
                tokio::spawn(stream);
            } else {
                run(stream);
            }
        }
        // and what was answered is written. What has come meanwhile waits for its turn: other connections have theirs.
        let ended = Pin::new(&mut this.connection).poll(cx);
        if ended.is_pending() && this.streams.are_waiting() {
            cx.waker().wake_by_ref();
        }
        ended
    }
}

/// Runs a stream as far as it comes, and leaves the rest to a task. One that panics takes no other with it.
fn run(mut stream: Stream) {
    // Whoever wakes it meanwhile wakes nobody, so a stream that waits is polled anew by its own task.
    let mut nobody = Context::from_waker(Waker::noop());
    // After a panic it is dropped, so that nobody sees what is half done.
    match panic::catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll(&mut nobody))) {
        Ok(Poll::Ready(())) => {}
        Ok(Poll::Pending) => drop(tokio::spawn(stream)),
        Err(_) => error!("a call panicked, and is not answered"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    /// A connection on which as many streams come each time that it is polled as are left, one after another.
    struct Coming {
        streams: Streams,
        left: Vec<Vec<Stream>>,
    }

    impl Future for Coming {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            match self.left.pop() {
                None => Poll::Ready(()),
                Some(streams) => {
                    for stream in streams {
                        self.streams.execute(stream);
                    }
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }
    }

    #[tokio::test]
    async fn what_need_not_wait_is_run_at_once_and_what_waits_or_panics_holds_nobody_up() {
        let (go, waits) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let count = Arc::new(AtomicUsize::new(0));
        let at_once = || -> Stream {
            let count = Arc::clone(&count);
            Box::pin(async move {
                count.fetch_add(1, Ordering::Relaxed);
            })
        };
        let slow: Stream = Box::pin(async move {
            let _ = waits.await;
            let _ = done.send(());
        });
        let streams = Streams::default();
        let panics: Stream = Box::pin(async { panic!("this is what is tested") });
        let left = vec![Vec::new(), vec![at_once()], Vec::new(), vec![at_once(), panics, slow, at_once()]];
        Inline::new(Coming { streams: streams.clone(), left }, streams).await;
        assert_eq!(count.load(Ordering::Relaxed), 3);
        go.send(()).expect("it waits still");
        is_done.await.expect("it went on by itself");
    }

    #[tokio::test]
    async fn what_is_left_when_a_turn_has_taken_long_goes_on_by_itself() {
        let (count, turns) = (Arc::new(AtomicUsize::new(0)), 4 * CLOCK_EVERY);
        let stream = |_| -> Stream {
            let count = Arc::clone(&count);
            Box::pin(async move {
                let began = Instant::now();
                while began.elapsed() < TURN_TIME / 8 {}
                count.fetch_add(1, Ordering::Relaxed);
            })
        };
        let streams = Streams::default();
        let left = vec![Vec::new(), (0..turns).map(stream).collect()];
        let mut inline = Inline::new(Coming { streams: streams.clone(), left }, streams);
        assert!(Pin::new(&mut inline).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(count.load(Ordering::Relaxed), CLOCK_EVERY, "the first of them alone");
        while count.load(Ordering::Relaxed) < turns {
            tokio::task::yield_now().await;
        }
    }
}
