import json
from dataclasses import dataclass


@dataclass(frozen=True)
class OrderPlaced:
    """The event of the topic order-events; `amount` is in cents."""

    event_id: str
    order_id: str
    customer: str
    amount: int

    @staticmethod
    def from_json(text: bytes) -> "OrderPlaced":
        fields = json.loads(text)
        return OrderPlaced(fields["event_id"], fields["order_id"], fields["customer"], fields["amount"])
