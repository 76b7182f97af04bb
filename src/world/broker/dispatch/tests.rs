//! Arbitrary bytes behind a valid header: the process survives, and requests that park are simply dropped.

use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;

use bytes::{BufMut, BytesMut};
use futures::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::world::broker::BrokerOptions;

fn check_survives(shared: &Shared, api: usize, version: i16, body: &[u8]) {
    let (key, min, max) = SUPPORTED[api % SUPPORTED.len()];
    let version = min + version.rem_euclid(max - min + 1);
    let mut request = BytesMut::new();
    request.put_i16(key as i16);
    request.put_i16(version);
    request.put_i32(1);
    request.put_i16(-1);
    if key.request_header_version(version) >= 2 {
        request.put_u8(0);
    }
    request.put_slice(body);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let client = Client { address, wake: Arc::new(Notify::new()) };
    // A panic of a decoder costs the connection, see `connection`; what it must never do is take memory by the claim.
    let _ = AssertUnwindSafe(answer(shared, &client, request.freeze())).catch_unwind().now_or_never();
}

#[test]
fn arbitrary_requests_do_not_end_the_process() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _entered = runtime.enter();
    let shared = Shared::new(BrokerOptions::default(), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    // Small numbers and ends of ranges make deeper structures than uniform bytes do.
    let byte = prop_oneof![4 => 0u8..6, 1 => any::<u8>(), 1 => Just(0xff), 1 => Just(0x7f)];
    let body = prop::collection::vec(byte, 0..120);
    proptest!(ProptestConfig::with_cases(20_000), |(api in any::<usize>(), version in any::<i16>(), body in body)| {
        check_survives(&shared, api, version, &body);
    });
}
