"""A consumer in a group, which polls on a thread of its own so that heartbeats and rebalances go on."""

import queue
import threading
from concurrent.futures import Future

from kafka import KafkaConsumer

from failures import LIMIT_SECONDS, timed_out
from records import as_json


class Member:
    def __init__(self, topics, **settings):
        self._consumer = KafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **settings)
        # A leader that has not heard of the topics yet assigns nothing, and does not always mend that (3.0.12).
        for topic in topics:
            self._consumer.partitions_for_topic(topic)
        self._consumer.subscribe(topics)
        self._changed = threading.Condition()
        self._assigned, self._delivered, self._failure = [], [], None
        # The library's consumer is for one thread: what others want of it is queued.
        self._wanted = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def assignment(self, count):
        with self._changed:
            self._wait(lambda: len(self._assigned) == count, lambda: f"assigned: {self._assigned}")
            return self._assigned

    def receive(self, count):
        with self._changed:
            self._wait(lambda: len(self._delivered) >= count, lambda: f"{len(self._delivered)} were delivered")
            received, self._delivered = self._delivered[:count], self._delivered[count:]
        return [as_json(record) for record in sorted(received, key=place)]

    def commit(self, offsets):
        done = Future()
        self._wanted.put((offsets, done))
        with self._changed:
            self._wait(done.done, lambda: "the offsets were not committed")
        done.result()

    def close(self):
        self._ending.set()
        self._thread.join(LIMIT_SECONDS)
        self._consumer.close(timeout_ms=LIMIT_SECONDS * 1000)

    def _wait(self, condition, state):
        self._changed.wait_for(lambda: condition() or self._failure, timeout=LIMIT_SECONDS)
        if condition():
            return
        raise self._failure or timed_out(state())

    def _poll(self):
        try:
            while not self._ending.is_set():
                delivered = self._consumer.poll(timeout_ms=50)
                self._commit_what_is_wanted()
                with self._changed:
                    self._assigned = sorted([place.topic, place.partition] for place in self._consumer.assignment())
                    self._delivered.extend(record for batch in delivered.values() for record in batch)
                    self._changed.notify_all()
        except Exception as failure:
            with self._changed:
                self._failure = failure
                self._changed.notify_all()

    def _commit_what_is_wanted(self):
        while not self._wanted.empty():
            offsets, done = self._wanted.get()
            try:
                self._consumer.commit(offsets, timeout_ms=LIMIT_SECONDS * 1000)
                done.set_result(None)
            except Exception as failure:
                done.set_exception(failure)


def place(record):
    return record.topic, record.partition, record.offset
