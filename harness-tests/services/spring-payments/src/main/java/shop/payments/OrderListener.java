package shop.payments;

import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.stereotype.Component;

/**
 * Takes the placed orders from Kafka.
 *
 * <p>The acknowledge mode is Spring's own, BATCH: the offsets of a poll are committed when all of its records are handled.
 * So none is lost, and all of a poll may come again.
 */
@Component
class OrderListener {

    private final Payments payments;

    OrderListener(Payments payments) {
        this.payments = payments;
    }

    @KafkaListener(topics = "order-events")
    void on(OrderPlaced order) {
        payments.pay(order);
    }
}
