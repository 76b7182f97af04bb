//! The events that the services tell each other, as JSON.

use serde::{Deserialize, Serialize};

/// Where `orders` publishes, keyed by order id.
pub const ORDER_EVENTS: &str = "order-events";
/// Where `payments` publishes, keyed by order id.
pub const PAYMENT_EVENTS: &str = "payment-events";
/// Where it is told what customers send back, keyed by order id.
pub const RETURNS: &str = "returns";
/// Where it is told what customers pay back, keyed by the id of the request that was approved.
pub const REPAYMENTS: &str = "repayments";
/// Where `points` publishes, keyed by customer.
pub const POINTS_EVENTS: &str = "points-events";
/// Where `checkout` calls for a person, keyed by order id.
pub const ALERTS: &str = "alerts";

/// Where `shipping` and `scanner` publish, keyed by order id.
pub const SHIPPING_EVENTS: &str = "shipping-events";
/// Where the replicas of `profiles` publish, keyed by profile id.
pub const PROFILE_EVENTS: &str = "profile-events";
/// Where the replicas of `carts` publish, keyed by cart id.
pub const CART_EVENTS: &str = "cart-events";

/// One event of an order. A delivery may be repeated; `event_id` is the same each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The order is taken and its stock reserved.
    OrderPlaced(OrderPlaced),
    /// The order is charged.
    PaymentSucceeded(PaymentSucceeded),
    /// The customer does not want the order any more.
    OrderCancelled { event_id: String, order_id: String },
    /// The order is paid, which made it this version of itself.
    OrderPaid { event_id: String, order_id: String, version: i64, amount: i64 },
    /// The order is on its way, which made it this version of itself.
    OrderShipped { event_id: String, order_id: String, version: i64, parcel: String },
    /// The parcel of the order was scanned.
    ParcelMoved { event_id: String, order_id: String, version: i64, step: String },
    /// A profile is written anew.
    ProfileReplaced(ProfileReplaced),
    /// A slot of a cart has another state.
    CartChanged(CartChanged),
    /// What was ordered came back.
    OrderReturned(OrderReturned),
    /// A credit that was approved is paid back.
    CreditRepaid(CreditRepaid),
    /// A customer earned points with a purchase.
    PointsEarned(PointsEarned),
    /// An order failed, and what was done for it could not be undone.
    CompensationFailed(CompensationFailed),
    /// An event of a newer version of the shop, which a service that does not know it passes over.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// The order is taken and its stock reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    pub event_id: String,
    pub order_id: String,
    pub sku: String,
    pub quantity: i32,
    /// In cents.
    pub amount: i64,
}

/// The order is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentSucceeded {
    pub event_id: String,
    pub order_id: String,
    /// In cents.
    pub amount: i64,
}

/// A profile is written anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileReplaced {
    pub event_id: String,
    pub profile_id: String,
    pub name: String,
    /// Of two writes the one with the greater stamp is the later one.
    pub stamp: i64,
    pub writer: String,
}

/// A slot of a cart has another state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartChanged {
    pub event_id: String,
    pub cart_id: String,
    pub slot: String,
    pub quantity: i64,
    /// Of two states the one with the greater stamp is the later one.
    pub stamp: i64,
}

/// What was ordered came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturned {
    pub event_id: String,
    pub order_id: String,
}

/// A credit that was approved is paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditRepaid {
    pub event_id: String,
    pub request_id: String,
}

/// A customer earned points with a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointsEarned {
    pub event_id: String,
    pub purchase_id: String,
    pub customer: String,
    /// With this purchase.
    pub points: i32,
    /// With all purchases so far.
    pub total: i64,
    /// Counts the events of the customer, from 1.
    pub version: i64,
}

/// An order failed, and what was done for it could not be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompensationFailed {
    pub event_id: String,
    pub order_id: String,
    /// What a person has to do.
    pub to_do: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, event: &Event) {
        assert_eq!(&serde_json::from_str::<Event>(json).unwrap(), event, "{json}");
    }

    #[test]
    fn an_event_is_read_whatever_the_order_of_its_fields() {
        let placed = Event::OrderPlaced(OrderPlaced {
            event_id: "e1".into(),
            order_id: "o1".into(),
            sku: "red".into(),
            quantity: 2,
            amount: 8400,
        });
        check(
            r#"{"event_id":"e1","type":"OrderPlaced","order_id":"o1","sku":"red","quantity":2,"amount":8400}"#,
            &placed,
        );
        check(
            r#"{"amount":8400,"quantity":2,"sku":"red","order_id":"o1","event_id":"e1","type":"OrderPlaced"}"#,
            &placed,
        );
        check(&serde_json::to_string(&placed).unwrap(), &placed);
    }

    #[test]
    fn a_newer_field_or_event_is_no_reason_to_stop() {
        let paid = PaymentSucceeded { event_id: "e2".into(), order_id: "o1".into(), amount: 8400 };
        check(
            r#"{"event_id":"e2","type":"PaymentSucceeded","order_id":"o1","amount":8400,"currency":"EUR"}"#,
            &Event::PaymentSucceeded(paid),
        );
        check(r#"{"event_id":"e3","type":"OrderGiftWrapped","order_id":"o1"}"#, &Event::Unknown);
    }

    #[test]
    fn a_record_that_is_no_event_is_refused() {
        for malformed in ["", "{}", r#"{"type":"OrderPlaced"}"#, "\u{0}\u{1}"] {
            assert!(serde_json::from_str::<Event>(malformed).is_err(), "{malformed:?}");
        }
    }
}
