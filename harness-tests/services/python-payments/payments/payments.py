from psycopg import Connection
from psycopg_pool import ConnectionPool

from .gateway import Gateway
from .order_placed import OrderPlaced
from .settings import Dedup


class Payments:
    """Charges orders and records them."""

    def __init__(self, database: ConnectionPool, gateway: Gateway, dedup: Dedup) -> None:
        self.database = database
        self.gateway = gateway
        self.dedup = dedup

    def pay(self, order: OrderPlaced) -> None:
        """Charges an order and records it, in one transaction of the database."""
        with self.database.connection() as connection:
            key = None
            if self.dedup is Dedup.EVENT_ID:
                if not is_first(connection, order):
                    return
                # The charge is not undone with the transaction. If that fails, or the process dies, the event comes
                # again, and then the key tells the gateway that it is the same charge.
                key = order.event_id
            self.gateway.charge(order, key)
            record(connection, order)


def is_first(connection: Connection, order: OrderPlaced) -> bool:
    """Two deliveries at once meet here: the second waits until the transaction of the first has ended."""
    inserted = connection.execute(
        "insert into handled_events (event_id) values (%s) on conflict do nothing", (order.event_id,)
    )
    return inserted.rowcount == 1


def record(connection: Connection, order: OrderPlaced) -> None:
    connection.execute(
        "insert into payments (order_id, customer, amount) values (%s, %s, %s) on conflict do nothing",
        (order.order_id, order.customer, order.amount),
    )
    connection.execute(
        """insert into customers (customer, spent) values (%s, %s)
           on conflict (customer) do update set spent = customers.spent + excluded.spent""",
        (order.customer, order.amount),
    )
