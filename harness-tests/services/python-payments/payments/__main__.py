import logging
import signal

from confluent_kafka import Consumer
from psycopg_pool import ConnectionPool

from .gateway import Gateway
from .order_placed import OrderPlaced
from .payments import Payments
from .settings import Settings

log = logging.getLogger("payments")


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    settings = Settings.from_environment()
    with ConnectionPool(settings.database_url, min_size=1, max_size=4) as database:
        payments = Payments(database, Gateway(settings.gateway_url), settings.dedup)
        consumer = Consumer(
            {
                "bootstrap.servers": settings.brokers,
                "group.id": "payments",
                # A new group also sees what was published before it first committed.
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        try:
            consume(consumer, payments)
        finally:
            consumer.close()


def consume(consumer: Consumer, payments: Payments) -> None:
    """Commits the offset of each message when it is handled. So none is lost, and one may come again."""
    running = True

    def stop(*_: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    consumer.subscribe(["order-events"])
    while running:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            log.warning("%s", message.error())
            continue
        payments.pay(OrderPlaced.from_json(message.value()))
        consumer.commit(message=message, asynchronous=False)


main()
