"""Groups: their members by name, their offsets and states by the admin client."""

import re
import time
from functools import cached_property

from kafka import KafkaAdminClient, TopicPartition, errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.structs import OffsetAndMetadata

from failures import LIMIT_MS, LIMIT_SECONDS, Failure, raise_code, unsupported
from member import Member

ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}


class Groups:
    def __init__(self, address):
        self._address = address
        self._members = {}

    @cached_property
    def _admin(self):
        return KafkaAdminClient(
            bootstrap_servers=self._address, request_timeout_ms=LIMIT_MS, bootstrap_timeout_ms=LIMIT_MS
        )

    def join(self, consumer, group, topics, session_timeout, assignor, instance=None):
        member = Member(
            topics,
            bootstrap_servers=self._address,
            group_id=group,
            group_instance_id=instance,
            session_timeout_ms=session_timeout,
            # So often that there is one in every scenario, on the slower broker and on the faster.
            heartbeat_interval_ms=50,
            max_poll_interval_ms=LIMIT_MS,
            partition_assignment_strategy=[ASSIGNORS[assignor]],
        )
        self._members[consumer] = (member, instance)

    def assignment(self, consumer, count):
        return self._member(consumer).assignment(count)

    def receive(self, consumer, count):
        return self._member(consumer).receive(count)

    def commit(self, consumer, offsets):
        self._member(consumer).commit(as_kafka(offsets))

    def leave(self, consumer):
        self._member(consumer).close()
        del self._members[consumer]

    def abandon(self, consumer):
        self._member(consumer)
        _, instance = self._members[consumer]
        if instance is None:
            raise unsupported("a dynamic member always leaves when it is closed")
        self.leave(consumer)

    def leave_all(self):
        for member, _ in self._members.values():
            member.close()

    def committed(self, group, topic, partition):
        asked = TopicPartition(topic, partition)
        found = patiently(lambda: self._admin.list_group_offsets({group: [asked]}))[group]
        return {"offset": found[asked].offset if asked in found else -1}

    def reset(self, group, offsets):
        altered = patiently(lambda: self._admin.alter_group_offsets(group, as_kafka(offsets)))
        for kind in altered.values():
            raise_code(kind.errno, group)

    def describe(self, group):
        found = patiently(lambda: self._admin.describe_groups([group]))[group]
        if found["error"]:
            # It is told as text alone: `[Error 69] GroupIdNotFoundError: …`.
            raise_code(int(re.search(r"\[Error (-?\d+)\]", found["error"])[1]), group)
        return {"state": found["group_state"], "members": len(found["members"])}

    def names(self):
        return sorted(found["group_id"] for found in self._admin.list_groups())

    def delete(self, group):
        result = patiently(lambda: self._admin.delete_groups([group]))[group]
        if result != "OK":
            raise getattr(errors, result)(group)

    def _member(self, consumer):
        if consumer not in self._members:
            raise Failure("BAD_REQUEST", f"no consumer {consumer}")
        return self._members[consumer][0]


def patiently(ask):
    """Asks again while the coordinator of the group is not there yet, which this admin client leaves to its user."""
    limit = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            return ask()
        except (errors.CoordinatorNotAvailableError, errors.NotCoordinatorError, errors.CoordinatorLoadInProgressError):
            if time.monotonic() > limit:
                raise
            time.sleep(0.1)


def as_kafka(offsets):
    return {
        TopicPartition(one["topic"], one["partition"]): OffsetAndMetadata(one["offset"], "", -1) for one in offsets
    }
