package shop.payments;

import org.springframework.boot.context.properties.ConfigurationProperties;

/** Where the gateway is, and how a repeated delivery is recognised. */
@ConfigurationProperties("payments")
public record PaymentSettings(String gatewayUrl, Dedup dedup) {

    public enum Dedup {
        /** It is not: every delivery charges. */
        NONE,
        /** By its event id, kept in the transaction of the payment. */
        EVENT_ID
    }
}
