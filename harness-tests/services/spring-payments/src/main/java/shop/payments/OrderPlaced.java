package shop.payments;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/** The event of the topic order-events; {@code amount} is in cents. */
@JsonNaming(SnakeCaseStrategy.class)
public record OrderPlaced(String eventId, String orderId, String customer, long amount) {}
