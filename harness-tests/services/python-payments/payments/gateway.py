import requests

from .order_placed import OrderPlaced


class Gateway:
    """The payment gateway: a charge is accepted with 2xx, anything else is an error."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def charge(self, order: OrderPlaced, idempotency_key: str | None) -> None:
        """Takes the money for an order. With a key, a repeated call charges once."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = {"order_id": order.order_id, "amount": order.amount}
        self.session.post(f"{self.url}/charges", json=body, headers=headers, timeout=10).raise_for_status()
