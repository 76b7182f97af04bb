"""What can go wrong, by the names of the protocol."""

from kafka import errors

# The longest that anything may take.
LIMIT_SECONDS = 30
LIMIT_MS = LIMIT_SECONDS * 1000


# Where the library spells a name of Kafka's in its own way.
SPELLINGS = {
    "INVALID_REPLICATION_ASSIGNMENT": "INVALID_REPLICA_ASSIGNMENT",
    "INVALID_TOPIC": "INVALID_TOPIC_EXCEPTION",
    "MESSAGE_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE",
    "NOT_LEADER_FOR_PARTITION": "NOT_LEADER_OR_FOLLOWER",
    "UNKNOWN": "UNKNOWN_SERVER_ERROR",
}


class Failure(Exception):
    """An answer that is not from the broker."""

    def __init__(self, name, detail):
        super().__init__(name, detail)
        self.name, self.detail = name, detail


def unsupported(detail):
    return Failure("UNSUPPORTED_BY_CLIENT", detail)


def timed_out(detail):
    return Failure("TIMED_OUT_WAITING", detail)


def name_of(error):
    """The name of Kafka's protocol error, or what stands for an error that the library made up itself."""
    if isinstance(error, errors.BrokerResponseError):
        return SPELLINGS.get(error.message, error.message)
    if isinstance(error, errors.CommitFailedError):
        return "COMMIT_FAILED"
    if isinstance(error, (errors.KafkaTimeoutError, errors.KafkaConnectionError, errors.NodeNotReadyError)):
        return "TIMED_OUT_WAITING"
    if isinstance(error, (errors.UnsupportedVersionError, errors.UnsupportedCodecError)):
        return "UNSUPPORTED_BY_CLIENT"
    return "REFUSED_BY_CLIENT"


def raise_code(code, detail):
    """Raises the broker's error of this code, unless it says that all went well."""
    kind = errors.for_code(code)
    if kind is not errors.NoError:
        raise kind(detail)
