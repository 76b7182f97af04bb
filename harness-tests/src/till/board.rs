//! Shows every order, from the events of two topics that are not ordered between each other.

use std::time::Duration;

use super::consume::{Handler, Place, consume};
use super::{Event, Flaw, ORDERS, PAYMENTS, Till};

/// How long a batch is waited for.
const BATCH: Duration = Duration::from_millis(700);

struct Board {
    till: Till,
}

/// Runs until it cannot go on.
pub async fn run(till: Till) -> anyhow::Result<()> {
    let board = Board { till: till.clone() };
    consume(till, "board", &[ORDERS, PAYMENTS], board).await
}

impl Handler for Board {
    async fn handle(&self, event: &Event, _: Place) -> anyhow::Result<()> {
        if self.till.has(Flaw::ShowsInBatches) {
            tokio::time::sleep(BATCH).await;
        }
        match event {
            Event::Placed { order_id, .. } => {
                self.write("insert into board (order_id) values ($1) on conflict do nothing", &[order_id])
                    .await
            }
            Event::Noted { order_id, note, version, .. } => {
                let newer = if self.till.has(Flaw::TrustsArrival) { "" } else { "where board.version < $3" };
                let sql = format!(
                    "insert into board (order_id, note, version) values ($1, $2, $3) \
                     on conflict (order_id) do update set note = $2, version = $3 {newer}"
                );
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(order_id)
                    .bind(note)
                    .bind(version)
                    .execute(&self.till.database)
                    .await?;
                Ok(())
            }
            Event::Paid { order_id, .. } => self.show(order_id, "paid").await,
            Event::Declined { order_id, .. } => self.show(order_id, "declined").await,
        }
    }
}

impl Board {
    async fn show(&self, order_id: &str, status: &str) -> anyhow::Result<()> {
        let sql = if self.till.has(Flaw::ExpectsOrderFirst) {
            "update board set status = $2 where order_id = $1"
        } else {
            "insert into board (order_id, status) values ($1, $2) on conflict (order_id) do update set status = $2"
        };
        self.write(sql, &[order_id, status]).await
    }

    async fn write(&self, sql: &'static str, values: &[&str]) -> anyhow::Result<()> {
        let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(*value));
        query.execute(&self.till.database).await?;
        Ok(())
    }
}
