//! Bytes that no client would send.

use std::net::SocketAddr;

use crate::kafka_stage::{DEADLINE, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::Stage;

/// Sends these bytes and nothing more; comes back when the link is closed, with what it answered.
async fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let talk = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        // A link that is closed early is what may happen here.
        if stream.write_all(bytes).await.is_ok() && stream.shutdown().await.is_ok() {
            let _ = stream.read_to_end(&mut answer).await;
        }
        answer
    };
    tokio::time::timeout(DEADLINE, talk).await.unwrap_or_else(|_| panic!("still open: {bytes:x?}"))
}

fn frame(api: u8, version: u8, body: &[u8]) -> Vec<u8> {
    let head = [0, api, 0, version, 0, 0, 0, 7, 0xff, 0xff];
    let length = u32::try_from(head.len() + body.len()).unwrap();
    [&length.to_be_bytes(), &head[..], body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_frames_close_their_link_and_nothing_else() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    for bytes in [
        &[0xff_u8; 64][..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x7f\xff\xff\xff\0\x03",
        b"\x06\x40\0\x01\0\x03",
        b"\0\0\0\0",
        b"\0\0\0\x03\0\x03\0",
    ] {
        assert_eq!(answer_to(address, bytes).await, b"", "{bytes:x?}");
    }
    let whole = frame(18, 0, &[]);
    for length in 0..whole.len() {
        assert_eq!(answer_to(address, &whole[..length]).await, b"");
    }
    assert!(!stage.seam.problems().is_empty());
    send(&stage.producer("orders", &[]).await, "order-events", 0, "o1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_come_one_byte_at_a_time() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in frame(18, 0, &[]) {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut head = [0; 10];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(head[4..], [0, 0, 0, 7, 0, 0]);
}

/// Every request that the seam decodes, in every version, with a claim of 2^31 elements or bytes at any place, and
/// with arbitrary bytes. A decoder that believed one would ask for more memory than there is and end the process.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_claim_too_much_close_their_link_and_nothing_else() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    // Always the same numbers, so that it fails for everyone or for no one.
    let mut state = 7_u64;
    let mut arbitrary = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    for (api, newest) in [(0, 12), (1, 12), (8, 9), (11, 9), (12, 4), (13, 5), (14, 5), (60, 1), (1, 17)] {
        for version in 0..=newest {
            for place in 0..24 {
                let claim = [&vec![0; place][..], &[0x7f, 0xff, 0xff, 0xff], &[0; 8]].concat();
                answer_to(address, &frame(api, version, &claim)).await;
            }
            for _ in 0..8 {
                let body: Vec<u8> = (0..60).map(|_| arbitrary() & arbitrary()).collect();
                answer_to(address, &frame(api, version, &body)).await;
            }
        }
    }
    let problems = stage.seam.problems();
    assert!(problems.iter().any(|problem| problem.contains("claims more than it holds")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("Fetch version 17")), "{problems:?}");
    send(&stage.producer("orders", &[]).await, "order-events", 0, "o1").await;
}
