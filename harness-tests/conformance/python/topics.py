"""Topics and their offsets, by the admin client."""

from functools import cached_property

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec, OffsetTimestamp

from failures import LIMIT_MS, raise_code


class Topics:
    def __init__(self, address):
        self._address = address

    @cached_property
    def _admin(self):
        return KafkaAdminClient(
            bootstrap_servers=self._address, request_timeout_ms=LIMIT_MS, bootstrap_timeout_ms=LIMIT_MS
        )

    def create(self, topic, partitions):
        self._admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})

    def delete(self, topic):
        self._admin.delete_topics([topic])

    def create_partitions(self, topic, partitions):
        self._admin.create_partitions({topic: partitions})

    def delete_records(self, topic, partition, before):
        self._admin.delete_records({TopicPartition(topic, partition): before})

    def describe(self, topic):
        [found] = self._admin.describe_topics([topic])
        raise_code(found["error_code"], topic)
        return {"partitions": len(found["partitions"])}

    def describe_config(self, topic, name):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, [name])
        found = self._admin.describe_configs([resource], config_filter="all")
        return {"value": found["topic"][topic].get(name, {}).get("value")}

    def list_offsets(self, topic, partition, at):
        asked = TopicPartition(topic, partition)
        named = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST}
        spec = named[at] if at in named else OffsetTimestamp(at)
        return {"offset": self._admin.list_partition_offsets({asked: spec})[asked].offset}
