//! What the booth asks of the gateway.

use reqwest::Client;
use serde_json::json;

/// The gateway, which moves money and parcels.
#[derive(Clone)]
pub struct Gateway {
    client: Client,
    address: String,
}

/// What is moved.
#[derive(Clone, Copy)]
pub struct Goods<'a> {
    pub order_id: &'a str,
    pub quantity: i32,
    pub amount: i32,
}

impl Gateway {
    pub fn new(address: &str) -> anyhow::Result<Gateway> {
        Ok(Gateway { client: Client::builder().no_proxy().build()?, address: address.to_owned() })
    }

    /// Asks for a charge; the same `request` a second time is the same charge.
    pub async fn charge(&self, goods: Goods<'_>, request: &str) -> anyhow::Result<()> {
        self.ask("charges", goods, request).await
    }

    /// Asks for a refund; the same `request` a second time is the same refund.
    pub async fn refund(&self, goods: Goods<'_>, request: &str) -> anyhow::Result<()> {
        self.ask("refunds", goods, request).await
    }

    /// Asks for a shipment, of which an order has one.
    pub async fn ship(&self, goods: Goods<'_>) -> anyhow::Result<()> {
        self.ask("shipments", goods, goods.order_id).await
    }

    async fn ask(&self, what: &str, goods: Goods<'_>, request: &str) -> anyhow::Result<()> {
        let Goods { order_id, quantity, amount } = goods;
        let body = json!({ "order_id": order_id, "quantity": quantity, "amount": amount });
        let asked = self.client.post(format!("{}/{what}", self.address)).header("Idempotency-Key", request);
        asked.json(&body).send().await?.error_for_status()?.bytes().await?;
        Ok(())
    }
}
