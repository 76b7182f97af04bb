package shop.payments;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.springframework.stereotype.Component;
import org.springframework.web.client.RestClient;

/** The payment gateway: a charge is accepted with 2xx, anything else is an exception. */
@Component
class Gateway {

    @JsonNaming(SnakeCaseStrategy.class)
    private record Charge(String orderId, long amount) {}

    private final RestClient http;

    Gateway(RestClient.Builder http, PaymentSettings settings) {
        this.http = http.baseUrl(settings.gatewayUrl()).build();
    }

    /** With a key, a repeated call charges once; {@code null} is no key. */
    void charge(OrderPlaced order, String idempotencyKey) {
        var call = http.post().uri("/charges").body(new Charge(order.orderId(), order.amount()));
        if (idempotencyKey != null) {
            call.header("Idempotency-Key", idempotencyKey);
        }
        call.retrieve().toBodilessEntity();
    }
}
