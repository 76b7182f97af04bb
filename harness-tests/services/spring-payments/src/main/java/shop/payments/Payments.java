package shop.payments;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

import shop.payments.PaymentSettings.Dedup;

/** Charges an order and records it, in one transaction of the database. */
@Service
class Payments {

    private final JdbcClient database;
    private final Gateway gateway;
    private final Dedup dedup;

    Payments(JdbcClient database, Gateway gateway, PaymentSettings settings) {
        this.database = database;
        this.gateway = gateway;
        this.dedup = settings.dedup();
    }

    @Transactional
    void pay(OrderPlaced order) {
        if (dedup == Dedup.EVENT_ID && !isFirst(order)) {
            return;
        }
        // The charge is not undone with the transaction. If that fails, or the process dies, the event comes again,
        // and then the key tells the gateway that it is the same charge.
        gateway.charge(order, dedup == Dedup.EVENT_ID ? order.eventId() : null);
        record(order);
    }

    /** Two deliveries at once meet here: the second waits until the transaction of the first has ended. */
    private boolean isFirst(OrderPlaced order) {
        return database.sql("insert into handled_events (event_id) values (?) on conflict do nothing")
                .param(order.eventId())
                .update() == 1;
    }

    private void record(OrderPlaced order) {
        database.sql("insert into payments (order_id, customer, amount) values (?, ?, ?) on conflict do nothing")
                .params(order.orderId(), order.customer(), order.amount())
                .update();
        database.sql("""
                insert into customers (customer, spent) values (?, ?)
                on conflict (customer) do update set spent = customers.spent + excluded.spent""")
                .params(order.customer(), order.amount())
                .update();
    }
}
