//! Requests without a pause, and what became of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::JoinSet;

use super::client::{Http1, Request};

pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    clients: JoinSet<Outcome>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    answered: usize,
    /// How often which status was answered, or which error came instead.
    statuses: Vec<(String, usize)>,
}

impl Outcome {
    fn count(&mut self, what: String, times: usize) {
        match self.statuses.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count += times,
            None => self.statuses.push((what, times)),
        }
    }

    /// Panics unless every request was answered with this status.
    pub(crate) fn assert_all(&self, status: u16) {
        assert!(self.answered > 100, "hardly any load: {self:?}");
        let wanted = status.to_string();
        let is_right = self.statuses.iter().all(|(found, _)| *found == wanted);
        assert!(is_right, "not every request was answered with {status}: {self:?}");
    }
}

impl Load {
    /// Sends this request again and again over so many connections.
    pub(crate) fn start(address: SocketAddr, request: &Request, connections: usize) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..connections {
            clients.spawn(send(address, request.clone(), Arc::clone(&is_over)));
        }
        Self { is_over, clients }
    }

    /// Ends it, and tells what became of the requests.
    pub(crate) async fn stop(self) -> Outcome {
        self.is_over.store(true, Ordering::SeqCst);
        let mut total = Outcome::default();
        for outcome in self.clients.join_all().await {
            total.answered += outcome.answered;
            for (what, times) in outcome.statuses {
                total.count(what, times);
            }
        }
        total
    }
}

async fn send(address: SocketAddr, request: Request, is_over: Arc<AtomicBool>) -> Outcome {
    let mut client = Http1::to(address);
    let mut outcome = Outcome::default();
    while !is_over.load(Ordering::SeqCst) {
        let what = match client.try_send(&request).await {
            Ok(response) => {
                outcome.answered += 1;
                response.status.to_string()
            }
            Err(error) => error.to_string(),
        };
        outcome.count(what, 1);
        // Two cores carry Envoy, Doorward and the upstream as well: steady load, not the most that is possible.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    outcome
}
