import os
from dataclasses import dataclass
from enum import Enum


class Dedup(Enum):
    """How a repeated delivery is recognised."""

    # It is not: every delivery charges.
    NONE = "none"
    # By its event id, kept in the transaction of the payment.
    EVENT_ID = "event-id"


@dataclass(frozen=True)
class Settings:
    brokers: str
    database_url: str
    gateway_url: str
    dedup: Dedup

    @staticmethod
    def from_environment() -> "Settings":
        return Settings(
            brokers=os.environ["KAFKA_BROKERS"],
            database_url=os.environ["DATABASE_URL"],
            gateway_url=os.environ["GATEWAY_URL"],
            dedup=Dedup(os.environ.get("DEDUP", "event-id")),
        )
