//! The steps of a checkout that are rows: what was decided, reserved, noted and invoiced. Each can be done again.

use sqlx::PgPool;

use super::event::{Event, OrderPlaced};
use super::outbox::Outbox;

/// How stock is given back.
#[derive(Debug, Clone, Copy)]
pub enum Release {
    /// As much as the reservation says, which is deleted with it: a second time there is nothing to give back.
    Reservation,
    /// As much as was ordered.
    Quantity,
}

/// The rows of all orders.
#[derive(Clone)]
pub struct Steps {
    database: PgPool,
    release: Release,
}

impl Steps {
    /// The rows in this database.
    pub fn new(database: PgPool, release: Release) -> Self {
        Self { database, release }
    }

    /// Opens the order, unless it is known already, and says its status.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn open(&self, order: &OrderPlaced) -> anyhow::Result<String> {
        sqlx::query("insert into orders (order_id, status) values ($1, 'open') on conflict do nothing")
            .bind(&order.order_id)
            .execute(&self.database)
            .await?;
        let status = sqlx::query_scalar("select status from orders where order_id = $1");
        Ok(status.bind(&order.order_id).fetch_one(&self.database).await?)
    }

    /// Reserves the stock; false if there is not enough.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn reserve(&self, order: &OrderPlaced) -> anyhow::Result<bool> {
        let OrderPlaced { order_id, sku, quantity, .. } = order;
        let mut transaction = self.database.begin().await?;
        let new = sqlx::query(
            "insert into reservations (order_id, sku, quantity) values ($1, $2, $3) on conflict do nothing",
        );
        let new = new.bind(order_id).bind(sku).bind(quantity).execute(&mut *transaction).await?;
        if new.rows_affected() == 0 {
            return Ok(true);
        }
        let taken =
            sqlx::query("update stock set available = available - $2 where sku = $1 and available >= $2");
        let taken = taken.bind(sku).bind(quantity).execute(&mut *transaction).await?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes that there is a charge to be compensated.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn note_charge(&self, order_id: &str) -> anyhow::Result<()> {
        self.set("update orders set charged = true where order_id = $1", order_id).await
    }

    /// Notes that there is none.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn forget_charge(&self, order_id: &str) -> anyhow::Result<()> {
        self.set("update orders set charged = false where order_id = $1", order_id).await
    }

    /// Whether there is a charge to be compensated.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn is_charged(&self, order_id: &str) -> anyhow::Result<bool> {
        let charged = sqlx::query_scalar("select charged from orders where order_id = $1");
        Ok(charged.bind(order_id).fetch_one(&self.database).await?)
    }

    /// Writes the invoice.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn invoice(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        sqlx::query("insert into invoices (order_id, amount) values ($1, $2) on conflict do nothing")
            .bind(&order.order_id)
            .bind(order.amount)
            .execute(&self.database)
            .await?;
        Ok(())
    }

    /// The order has come through.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn confirm(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        self.set("update orders set status = 'confirmed' where order_id = $1", &order.order_id).await
    }

    /// The order will not come through: from now on nothing is done for it any more, only undone.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn fail(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        self.set("update orders set status = 'failing' where order_id = $1", &order.order_id).await
    }

    /// Gives back the stock.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn release(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        match self.release {
            Release::Reservation => {
                self.set(
                    "with released as (delete from reservations where order_id = $1 returning sku, quantity)
                 update stock set available = available + released.quantity
                 from released where stock.sku = released.sku",
                    &order.order_id,
                )
                .await
            }
            Release::Quantity => self.release_quantity(order).await,
        }
    }

    async fn release_quantity(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        let mut transaction = self.database.begin().await?;
        sqlx::query("update stock set available = available + $2 where sku = $1")
            .bind(&order.sku)
            .bind(order.quantity)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("delete from reservations where order_id = $1")
            .bind(&order.order_id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The order has failed, and all was undone, or a person is called in the same transaction.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn close(&self, order_id: &str, alert: Option<(&Outbox, &Event)>) -> anyhow::Result<()> {
        let mut transaction = self.database.begin().await?;
        sqlx::query("update orders set status = 'failed' where order_id = $1")
            .bind(order_id)
            .execute(&mut *transaction)
            .await?;
        if let Some((outbox, event)) = alert {
            outbox.add(&mut transaction, order_id, event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn set(&self, statement: &'static str, order_id: &str) -> anyhow::Result<()> {
        sqlx::query(statement).bind(order_id).execute(&self.database).await?;
        Ok(())
    }
}
