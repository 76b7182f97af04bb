//! The group state machine on a made-up clock.

use std::time::Duration;

use super::*;

const SESSION: u64 = 1000;
const REBALANCE: u64 = 5000;

fn at(milliseconds: u64) -> Moment {
    Duration::from_millis(milliseconds)
}

/// A group and the tickets handed out for it.
struct Fixture {
    group: Group,
    tickets: u64,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture { group: Group::new(), tickets: 0 }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Joins under an id that was given out before, or under a fresh one for a static member.
    fn join(&mut self, now: u64, request: JoinRequest) -> Ticket {
        let ticket = self.ticket();
        self.group.join(at(now), ticket, request);
        ticket
    }

    fn sync(
        &mut self,
        now: u64,
        member: &str,
        generation: i32,
        assignments: &[(&str, &'static str)],
    ) -> Ticket {
        let ticket = self.ticket();
        let assignments =
            assignments.iter().map(|(id, to)| ((*id).into(), Bytes::from_static(to.as_bytes())));
        let assignments = assignments.collect();
        let request =
            SyncRequest { member_id: member.into(), generation, assignments, ..SyncRequest::default() };
        self.group.sync(at(now), ticket, request);
        ticket
    }

    fn joined(&mut self) -> Vec<(Ticket, Joined)> {
        let replies = self.group.take_replies().into_iter();
        replies
            .map(|(ticket, reply)| match reply {
                Reply::Joined(joined) => (ticket, joined),
                Reply::Synced(synced) => panic!("unexpected {synced:?}"),
            })
            .collect()
    }

    fn synced(&mut self) -> Vec<(Ticket, Result<Bytes, ResponseError>)> {
        let replies = self.group.take_replies().into_iter();
        replies
            .map(|(ticket, reply)| match reply {
                Reply::Synced(synced) => (ticket, synced.error.map_or(Ok(synced.assignment), Err)),
                Reply::Joined(joined) => panic!("unexpected {joined:?}"),
            })
            .collect()
    }

    /// Lets `ids` become a stable group at time zero.
    fn stable(ids: &[&str]) -> Fixture {
        let mut fixture = Fixture::new();
        for id in ids {
            fixture.join(0, newcomer(id));
        }
        for id in &ids[..ids.len() - 1] {
            fixture.join(0, member(id));
        }
        let generation = fixture.group.generation;
        let leader = fixture.group.leader.clone().expect("a leader");
        let assignments: Vec<(&str, &'static str)> = ids.iter().map(|id| (*id, "share")).collect();
        for id in ids.iter().filter(|id| **id != leader) {
            fixture.sync(0, id, generation, &[]);
        }
        fixture.sync(0, &leader, generation, &assignments);
        assert_eq!(fixture.group.phase, Phase::Stable);
        fixture.group.take_replies();
        fixture
    }
}

/// Someone without an id, of a client too old to be asked for one.
fn newcomer(fresh_id: &str) -> JoinRequest {
    JoinRequest {
        fresh_member_id: fresh_id.into(),
        session_timeout: at(SESSION),
        rebalance_timeout: at(REBALANCE),
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), Bytes::new())],
        ..JoinRequest::default()
    }
}

fn member(id: &str) -> JoinRequest {
    JoinRequest { member_id: id.into(), ..newcomer("") }
}

fn of_instance(instance: &str, fresh_id: &str) -> JoinRequest {
    JoinRequest { instance: Some(instance.into()), ..newcomer(fresh_id) }
}

fn error_of(joined: &[(Ticket, Joined)]) -> Option<ResponseError> {
    assert_eq!(joined.len(), 1, "{joined:?}");
    joined[0].1.error
}

#[test]
fn a_new_member_comes_back_with_the_id_it_was_given() {
    let mut fixture = Fixture::new();
    fixture.join(0, JoinRequest { must_know_member_id: true, ..newcomer("m1") });
    let refused = fixture.joined();
    assert_eq!(error_of(&refused), Some(ResponseError::MemberIdRequired));
    assert_eq!(refused[0].1.member_id, "m1");
    let ticket = fixture.join(1, member("m1"));
    let joined = fixture.joined();
    assert_eq!((joined[0].0, joined[0].1.generation, joined[0].1.leader.as_str()), (ticket, 1, "m1"));
    assert_eq!(joined[0].1.members.len(), 1);
}

#[test]
fn an_invitation_ends_with_the_session_timeout() {
    let mut fixture = Fixture::new();
    fixture.join(0, JoinRequest { must_know_member_id: true, ..newcomer("m1") });
    fixture.joined();
    assert_eq!(fixture.group.next_deadline(), Some(at(SESSION)));
    fixture.group.tick(at(SESSION));
    fixture.join(SESSION, member("m1"));
    assert_eq!(error_of(&fixture.joined()), Some(ResponseError::UnknownMemberId));
}

#[test]
fn a_second_member_waits_until_the_first_has_joined_again() {
    let mut fixture = Fixture::stable(&["m1"]);
    let second = fixture.join(10, newcomer("m2"));
    assert_eq!(fixture.joined(), []);
    assert_eq!(fixture.group.heartbeat(at(20), "m1", None, 1), Err(ResponseError::RebalanceInProgress));
    let first = fixture.join(30, member("m1"));
    let joined = fixture.joined();
    let tickets: Vec<Ticket> = joined.iter().map(|(ticket, _)| *ticket).collect();
    assert_eq!(tickets, [first, second]);
    assert!(joined.iter().all(|(_, joined)| joined.generation == 2 && joined.leader == "m1"));
    assert_eq!(joined[0].1.members.len(), 2, "the leader sees all");
    assert_eq!(joined[1].1.members.len(), 0, "the others do not");
}

#[test]
fn a_member_that_does_not_join_again_in_time_is_left_out() {
    let mut fixture = Fixture::stable(&["m1"]);
    fixture.join(10, newcomer("m2"));
    for now in (500..10 + REBALANCE).step_by(500) {
        let _ = fixture.group.heartbeat(at(now), "m1", None, 1);
        fixture.group.tick(at(now));
    }
    assert_eq!(fixture.joined(), []);
    fixture.group.tick(at(10 + REBALANCE));
    let joined = fixture.joined();
    assert_eq!((joined.len(), joined[0].1.leader.as_str()), (1, "m2"));
    assert!(!fixture.group.members.contains_key("m1"));
}

#[test]
fn a_silent_member_stays_until_its_session_ends_and_not_longer() {
    let mut fixture = Fixture::stable(&["m1", "m2"]);
    assert_eq!(fixture.group.heartbeat(at(400), "m1", None, 2), Ok(()));
    fixture.group.tick(at(SESSION - 1));
    assert_eq!((fixture.group.members.len(), fixture.group.phase), (2, Phase::Stable));
    fixture.group.tick(at(SESSION));
    assert_eq!(fixture.group.members.keys().collect::<Vec<_>>(), ["m1"]);
    assert_eq!(fixture.group.phase.name(), "PreparingRebalance");
    fixture.group.tick(at(400 + SESSION));
    assert_eq!(fixture.group.phase, Phase::Empty);
    assert_eq!(fixture.group.next_deadline(), None);
}

#[test]
fn followers_wait_for_the_assignment_of_the_leader() {
    let mut fixture = Fixture::stable(&["m1"]);
    fixture.join(1, newcomer("m2"));
    fixture.join(1, member("m1"));
    fixture.joined();
    let follower = fixture.sync(2, "m2", 2, &[]);
    assert_eq!(fixture.synced(), []);
    let leader = fixture.sync(3, "m1", 2, &[("m1", "p0"), ("m2", "p1")]);
    assert_eq!(fixture.synced(), [(leader, Ok("p0".into())), (follower, Ok("p1".into()))]);
    let again = fixture.sync(4, "m2", 2, &[]);
    assert_eq!(fixture.synced(), [(again, Ok("p1".into()))]);
}

#[test]
fn a_leader_that_never_syncs_is_taken_out() {
    let mut fixture = Fixture::stable(&["m1"]);
    fixture.join(0, newcomer("m2"));
    fixture.join(0, member("m1"));
    fixture.joined();
    let follower = fixture.sync(0, "m2", 2, &[]);
    for now in (500..REBALANCE).step_by(500) {
        assert_eq!(fixture.group.heartbeat(at(now), "m1", None, 2), Ok(()));
        fixture.group.tick(at(now));
    }
    assert_eq!(fixture.synced(), []);
    fixture.group.tick(at(REBALANCE));
    assert_eq!(fixture.synced(), [(follower, Err(ResponseError::RebalanceInProgress))]);
    assert_eq!(fixture.group.members.keys().collect::<Vec<_>>(), ["m2"]);
}

#[test]
fn only_the_current_generation_may_speak() {
    let mut group = Fixture::stable(&["m1"]).group;
    assert_eq!(group.heartbeat(at(1), "m1", None, 0), Err(ResponseError::IllegalGeneration));
    assert_eq!(group.heartbeat(at(1), "m9", None, 1), Err(ResponseError::UnknownMemberId));
    assert_eq!(group.admit_commit(at(1), "m1", None, 1), Ok(()));
    assert_eq!(group.admit_commit(at(1), "m1", None, 0), Err(ResponseError::IllegalGeneration));
    assert_eq!(group.admit_commit(at(1), "", None, -1), Err(ResponseError::UnknownMemberId));
    assert_eq!(group.leave(at(1), "m1", None), Ok(()));
    assert_eq!(group.phase, Phase::Empty);
    assert_eq!(group.admit_commit(at(1), "", None, -1), Ok(()));
}

#[test]
fn members_must_share_a_protocol() {
    let mut fixture = Fixture::stable(&["m1"]);
    fixture.join(1, JoinRequest { protocols: vec![("sticky".into(), Bytes::new())], ..newcomer("m2") });
    assert_eq!(error_of(&fixture.joined()), Some(ResponseError::InconsistentGroupProtocol));
}

#[test]
fn a_static_member_returns_unnoticed_and_its_old_self_is_fenced() {
    let mut fixture = Fixture::new();
    fixture.join(0, of_instance("one", "a"));
    fixture.sync(0, "a", 1, &[("a", "p0")]);
    fixture.group.take_replies();
    fixture.join(500, of_instance("one", "b"));
    let joined = fixture.joined();
    assert_eq!((joined[0].1.generation, joined[0].1.member_id.as_str()), (1, "b"));
    assert_eq!(joined[0].1.leader, "a", "it must not assign anew");
    let ticket = fixture.sync(500, "b", 1, &[]);
    assert_eq!(fixture.synced(), [(ticket, Ok("p0".into()))]);
    let fenced = Err(ResponseError::FencedInstanceId);
    assert_eq!(fixture.group.heartbeat(at(501), "a", Some("one"), 1), fenced);
    assert_eq!(fixture.group.leave(at(501), "a", Some("one")), fenced);
    assert_eq!(fixture.group.leave(at(501), "", Some("one")), Ok(()));
}

#[test]
fn a_group_that_goes_away_answers_everyone_who_waits() {
    let mut fixture = Fixture::stable(&["m1"]);
    fixture.join(1, newcomer("m2"));
    fixture.group.dismiss_all();
    assert_eq!(error_of(&fixture.joined()), Some(ResponseError::UnknownMemberId));
}
