"""A conformance client around kafka-python: one request per line in, one answer per line out. See ../PROTOCOL.md."""

import json
import logging
import sys

from kafka.errors import KafkaError

from failures import Failure, name_of
from groups import Groups
from records import Records
from topics import Topics


def requests_of(address):
    topics, records, groups = Topics(address), Records(address), Groups(address)
    return groups, {
        "create_topic": topics.create,
        "delete_topic": topics.delete,
        "create_partitions": topics.create_partitions,
        "delete_records": topics.delete_records,
        "describe_topic": topics.describe,
        "describe_config": topics.describe_config,
        "list_offsets": topics.list_offsets,
        "produce": records.produce,
        "transaction": records.transaction,
        "read": records.read,
        "join": groups.join,
        "assignment": groups.assignment,
        "receive": groups.receive,
        "commit": groups.commit,
        "leave": groups.leave,
        "abandon": groups.abandon,
        "committed": groups.committed,
        "reset": groups.reset,
        "describe_group": groups.describe,
        "list_groups": groups.names,
        "delete_group": groups.delete,
    }


def answer(requests, line):
    request = json.loads(line)
    carry_out = requests.get(request.pop("do"))
    if carry_out is None:
        return {"error": "BAD_REQUEST"}
    try:
        return {"ok": carry_out(**request)}
    except Failure as failure:
        return {"error": failure.name, "detail": failure.detail}
    except KafkaError as error:
        return {"error": name_of(error), "detail": str(error)}


def main():
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    groups, requests = requests_of(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(requests, line)), flush=True)
    groups.leave_all()


if __name__ == "__main__":
    main()
