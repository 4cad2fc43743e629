//! A command is sent once, and its answer reaches who sent it.

use std::sync::atomic::{AtomicBool, Ordering};

use doorward::{config::RedisCounters, domain::WindowKind::Sliding};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;
use crate::{
    failures::{recovered, take},
    redis_servers::{Server, settings, tcp},
};

/// Stands between Doorward and a server. While it is told to swallow, it ends a connection as soon as there is an answer.
struct Proxy {
    port: u16,
    swallows: Arc<AtomicBool>,
}

impl Proxy {
    async fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (port, to) = (listener.local_addr().expect("an address").port(), server.port);
        let swallows = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&swallows);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", to)).await.expect("a connection");
                tokio::spawn(pass(client, server, Arc::clone(&told)));
            }
        });
        Self { port, swallows }
    }
}

async fn pass(client: TcpStream, server: TcpStream, swallows: Arc<AtomicBool>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let questions = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut answer = [0; 4_096];
    while let Ok(length @ 1..) = from_server.read(&mut answer).await {
        if swallows.load(Ordering::SeqCst) || to_client.write_all(&answer[..length]).await.is_err() {
            break;
        }
    }
    questions.abort();
}

#[tokio::test]
async fn a_take_whose_answer_is_lost_is_not_sent_again() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::before(&server).await;
    let redis = connected(&settings(tcp("127.0.0.1", proxy.port))).await;
    for number in 1..=20 {
        let name = format!("lost {number}");
        proxy.swallows.store(true, Ordering::SeqCst);
        let told = take(&redis, &name).await.expect_err("its answer is lost");
        assert!(told.contains("the connection was lost"), "{told}");
        proxy.swallows.store(false, Ordering::SeqCst);
        recovered(&redis).await;
        // The question itself takes nothing: what is missing is what was charged, and never more than once.
        let state = take_one(&*redis, order(&name, &[bound(1_000, 3_600, Sliding)], 0)).await;
        assert!(state.room.remaining >= 999, "{number}: {}", state.room.remaining);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_calls_never_pass_their_answers_on() {
    let server = Server::start(&[]).await;
    let redis = connected(&server.settings()).await;
    // Each counter has a limit of its own, and so each answer is known.
    let abandoned = (0..1_000_u64).map(|number| {
        let redis = Arc::clone(&redis);
        tokio::spawn(async move {
            let limit = 10_000 + number;
            let asked = [order(&format!("abandoned {number}"), &[bound(limit, 3_600, Sliding)], 1)];
            timeout(Duration::from_micros(number % 400), redis.take(&asked)).await.is_err()
        })
    });
    let abandoned: Vec<_> = abandoned.collect();
    for number in 0..2_000_u64 {
        let limit = 100_000 + number;
        let asked = [
            order(&format!("kept {number}"), &[bound(limit, 3_600, Sliding)], 2),
            order(&format!("kept too {number}"), &[bound(3 * limit, 3_600, Sliding)], 1),
        ];
        let grants = redis.take(&asked).await.expect("an answer");
        let remaining: Vec<u64> = grants.iter().map(|grant| grant.room.remaining).collect();
        assert_eq!(remaining, [limit - 2, 3 * limit - 1]);
    }
    let mut count = 0;
    for call in abandoned {
        count += u32::from(call.await.expect("no panic"));
    }
    assert!(count > 100, "only {count} were abandoned");
    for number in 0..1_000_u64 {
        let limit = 10_000 + number;
        let state =
            take_one(&*redis, order(&format!("abandoned {number}"), &[bound(limit, 3_600, Sliding)], 0))
                .await;
        assert!(state.room.remaining >= limit - 1, "{number}: charged once, or never");
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_reaches_nobody() {
    let server = Server::start(&[]).await;
    let redis = connected(&RedisCounters { timeout: Duration::from_millis(100), ..server.settings() }).await;
    for number in 0..5 {
        server.pause();
        take(&redis, &format!("late {number}")).await.expect_err("it stands still");
        server.resume();
        let grant =
            take_one(&*redis, order(&format!("next {number}"), &[bound(77, 3_600, Sliding)], 7)).await;
        assert_eq!((grant.amount, grant.room.remaining), (7, 70));
    }
}
