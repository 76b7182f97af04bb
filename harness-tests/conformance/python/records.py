"""Records written and read, without a group."""

import time
from contextlib import closing

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from failures import LIMIT_MS, LIMIT_SECONDS, Failure, timed_out, unsupported


class Records:
    def __init__(self, address):
        self._address = address

    def produce(self, topic, records, acks="all", idempotent=False, compression="none", one_batch=False):
        settings = {
            "acks": acks if acks == "all" else int(acks),
            "enable_idempotence": idempotent,
            "compression_type": None if compression == "none" else compression,
        }
        with closing(self._producer(one_batch, **settings)) as producer:
            written = send_all(producer, topic, records, one_batch)
        # Without an acknowledgement the library makes an offset up.
        return [{**one, "offset": -1} for one in written] if acks == "0" else written

    def transaction(self, id, topic, records, end):
        with closing(self._producer(one_batch=False, transactional_id=id)) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            try:
                written = send_all(producer, topic, records, one_batch=False)
            except Exception:
                producer.abort_transaction()
                raise
            if end == "commit":
                producer.commit_transaction()
            else:
                producer.abort_transaction()
            return written

    def read(self, topic, partition, offset, count, isolation):
        consumer = KafkaConsumer(
            bootstrap_servers=self._address,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level=isolation,
        )
        with closing(consumer):
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            consumer.seek(place, offset)
            records, limit = [], time.monotonic() + LIMIT_SECONDS
            while len(records) < count:
                if time.monotonic() > limit:
                    raise timed_out(f"{len(records)} of {count} records were read")
                for batch in consumer.poll(timeout_ms=500).values():
                    records.extend(as_json(record) for record in batch)
            return records[:count]

    def _producer(self, one_batch, **settings):
        return KafkaProducer(
            bootstrap_servers=self._address,
            max_block_ms=LIMIT_MS,
            delivery_timeout_ms=LIMIT_MS,
            # What is to be one batch waits for the flush, and fits.
            linger_ms=5_000 if one_batch else 0,
            request_timeout_ms=LIMIT_MS - 5_000,
            batch_size=1_000_000 if one_batch else 16_384,
            **settings,
        )


def send_all(producer, topic, records, one_batch):
    """Sends them all and then waits, or waits for each."""
    if one_batch:
        sent = [send(producer, topic, record) for record in records]
        producer.flush(timeout=LIMIT_SECONDS)
        metadata = [future.get(timeout=LIMIT_SECONDS) for future in sent]
    else:
        metadata = [send(producer, topic, record).get(timeout=LIMIT_SECONDS) for record in records]
    return [{"partition": one.partition, "offset": one.offset} for one in metadata]


def send(producer, topic, record):
    headers = record.get("headers") or []
    if any(value is None for _, value in headers):
        raise unsupported("a header must have a value")
    if record.get("key") is None and record.get("value") is None:
        raise unsupported("a record must have a key or a value")
    try:
        return producer.send(
            topic,
            key=as_bytes(record.get("key")),
            value=as_bytes(record.get("value")),
            headers=[(key, value.encode()) for key, value in headers],
            partition=record.get("partition"),
            timestamp_ms=record.get("timestamp"),
        )
    except ValueError as error:
        # The name of a topic that Kafka forbids, or a partition that the topic lacks.
        raise Failure("REFUSED_BY_CLIENT", str(error)) from error


def as_json(record):
    return {
        "partition": record.partition,
        "offset": record.offset,
        "key": as_text(record.key),
        "value": as_text(record.value),
        "headers": [[key, as_text(value)] for key, value in record.headers],
        "timestamp": record.timestamp,
    }


def as_bytes(text):
    return None if text is None else text.encode()


def as_text(data):
    return None if data is None else data.decode()
