use super::*;

fn part(topic: &str, partition: i32) -> Partition {
    (topic.to_owned(), partition)
}

fn joined(ledger: &mut Ledger, instance: Option<&str>) {
    ledger.connected("payments");
    ledger.joining("payments", "pay", "");
    let instance = instance.map(str::to_owned);
    ledger.member("payments", Member { group: "pay".into(), id: "m1".into(), instance });
    ledger.assigned("payments", "pay", "m1", vec![part("t", 0), part("t", 1)]);
}

#[test]
fn a_service_is_ready_when_everything_assigned_was_fetched() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.readiness("payments"), Readiness::default());
    joined(&mut ledger, None);
    ledger.fetching("payments", &part("t", 1), 0);
    let readiness = ledger.readiness("payments");
    assert_eq!(readiness.assigned.as_deref(), Some(&[part("t", 0), part("t", 1)][..]));
    assert_eq!(readiness.unfetched, [part("t", 0)]);
    ledger.forget("payments");
    assert_eq!(ledger.readiness("payments"), Readiness::default());
}

#[test]
fn lag_is_what_was_not_committed_and_not_delivered() {
    let mut ledger = Ledger::default();
    joined(&mut ledger, None);
    ledger.fetching("payments", &part("t", 0), 0);
    ledger.end(&part("t", 0), 3);
    ledger.delivered("payments", &part("t", 0), 0, &[]);
    let lag = ledger.unsettled().lags.remove(0);
    assert_eq!((lag.behind, lag.undelivered), (3, 2));
    ledger.delivered("payments", &part("t", 0), 2, &[]);
    ledger.committed("pay", &part("t", 0), 3);
    assert_eq!(ledger.unsettled(), Unsettled::default());
}

#[test]
fn a_commit_is_about_what_it_covers() {
    let mut ledger = Ledger::default();
    let t = part("t", 0);
    ledger.delivered("payments", &t, 0, &["o1".into()]);
    ledger.delivered("payments", &t, 1, &["o2".into(), "o1".into()]);
    ledger.delivered("payments", &t, 2, &["o3".into()]);
    assert_eq!(ledger.advance("payments", "pay", &t, 2).unwrap(), ["o1", "o2"]);
    ledger.committed("pay", &t, 2);
    assert_eq!(ledger.advance("payments", "pay", &t, 2), None);
    assert_eq!(ledger.advance("payments", "pay", &t, 3).unwrap(), ["o3"]);
}

#[test]
fn static_members_and_those_that_left_are_not_evicted() {
    let check = |instance, leaves, evicted| {
        let mut ledger = Ledger::default();
        joined(&mut ledger, instance);
        if leaves {
            ledger.left("payments", "pay", "m1");
        }
        assert_eq!(ledger.evictable("payments").len(), evicted);
    };
    check(None, false, 1);
    check(None, true, 0);
    check(Some("payments-1"), false, 0);
}

#[test]
fn a_hold_lasts_until_its_token_is_cancelled() {
    let mut ledger = Ledger::default();
    let token = CancellationToken::new();
    ledger.hold("payments", &part("t", 0), token.clone());
    assert!(ledger.held("payments", &part("t", 0)).is_some());
    assert!(ledger.held("payments", &part("t", 1)).is_none());
    assert!(ledger.held("orders", &part("t", 0)).is_none());
    token.cancel();
    assert!(ledger.held("payments", &part("t", 0)).is_none());
}

#[test]
fn markers_and_aborted_records_are_no_lag_once_the_client_is_past_them() {
    let mut ledger = Ledger::default();
    joined(&mut ledger, None);
    let t = part("t", 0);
    ledger.fetching("payments", &t, 0);
    ledger.delivered("payments", &t, 2, &[]);
    ledger.committed("pay", &t, 3);
    ledger.high_watermark(&t, 6);
    let lag = ledger.unsettled().lags.remove(0);
    assert_eq!((lag.behind, lag.undelivered), (0, 3));
    ledger.fetching("payments", &t, 6);
    assert_eq!(ledger.unsettled(), Unsettled::default());
}

#[test]
fn what_a_transaction_wrote_counts_when_it_has_ended() {
    let conductor = crate::seam::Conductor::new(tokio::sync::mpsc::unbounded_channel().0);
    let mut ledger = Ledger::default();
    let t = part("t", 0);
    ledger.transaction("orders", "tx", || conductor.busy("transaction"));
    ledger.written("orders", "tx", &t, 5);
    ledger.written("orders", "tx", &t, 4);
    assert_eq!(ledger.known_end(&t), None);
    assert_eq!(conductor.in_flight(), ["1 transaction in flight"]);
    assert_eq!(ledger.transaction_ended("orders", "tx"), HashMap::from([(t.clone(), 5)]));
    assert_eq!(conductor.in_flight(), Vec::<String>::new());
    // A late answer to what was aborted.
    ledger.written("orders", "tx", &t, 6);
    assert!(ledger.transaction_ended("orders", "tx").is_empty());
}

#[test]
fn a_member_under_a_new_id_begins_anew() {
    let mut ledger = Ledger::default();
    joined(&mut ledger, None);
    ledger.delivered("payments", &part("t", 0), 0, &[]);
    assert_eq!(ledger.unsettled().lags[0].undelivered, 0);
    ledger.member("payments", Member { group: "pay".into(), id: "m2".into(), instance: None });
    ledger.assigned("payments", "pay", "m2", vec![part("t", 0)]);
    ledger.left("payments", "pay", "m1");
    // It was given the record under its old id, and has not committed it.
    assert_eq!(ledger.unsettled().lags[0].undelivered, 1);
    ledger.fetching("payments", &part("t", 0), 0);
    ledger.delivered("payments", &part("t", 0), 0, &[]);
    assert_eq!(ledger.unsettled().lags[0].undelivered, 0);
}

#[test]
fn after_a_restart_of_the_brokers_a_member_must_be_heard_of_again() {
    let mut ledger = Ledger::default();
    joined(&mut ledger, None);
    ledger.delivered("payments", &part("t", 0), 0, &[]);
    let is_out_of_touch = |ledger: &Ledger| ledger.unsettled().lags[0].is_out_of_touch;
    assert!(!is_out_of_touch(&ledger));
    ledger.restarted();
    assert!(is_out_of_touch(&ledger));
    assert_eq!(ledger.unheard("payments", "pay").len(), 1);
    assert!(ledger.heard("payments", "pay", "m1") && !ledger.heard("payments", "pay", "m1"));
    assert!(!is_out_of_touch(&ledger) && ledger.unheard("payments", "pay").is_empty());
}

#[test]
fn what_belongs_to_former_cases_is_not_awaited() {
    let mut ledger = Ledger::default();
    joined(&mut ledger, None);
    ledger.delivered("payments", &part("t", 0), 0, &[]);
    assert_eq!((ledger.unsettled().lags[0].behind, ledger.floor(&part("t", 0))), (1, 0));
    ledger.begin();
    assert_eq!((ledger.unsettled().lags.len(), ledger.floor(&part("t", 0))), (0, 1));
    ledger.delivered("payments", &part("t", 0), 1, &[]);
    assert_eq!(ledger.unsettled().lags[0].behind, 1);
}

#[test]
fn a_partition_that_nobody_reads_any_more_is_awaited() {
    let mut ledger = Ledger::default();
    joined(&mut ledger, None);
    let awaited = |ledger: &Ledger| ledger.unsettled().rejoining;
    assert!(awaited(&ledger).is_empty());
    ledger.left("payments", "pay", "m1");
    let pay = ("payments".to_owned(), "pay".to_owned());
    assert_eq!(awaited(&ledger), std::slice::from_ref(&pay), "its session is over");
    ledger.member("payments", Member { group: "pay".into(), id: "m2".into(), instance: None });
    ledger.assigned("payments", "pay", "m2", vec![part("t", 1)]);
    assert_eq!(awaited(&ledger), [pay], "a dead member still has the other one");
    ledger.assigned("payments", "pay", "m2", vec![part("t", 0), part("t", 1)]);
    assert!(awaited(&ledger).is_empty());
    ledger.leaving("payments", "pay", "m2");
    assert!(awaited(&ledger).is_empty(), "it went by itself");
}
