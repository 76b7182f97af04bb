//! `notifications`: tells customers by e-mail what becomes of their orders.
//!
//! Orders and payments are told of on two topics that are not ordered between each other. What keeps an order from being
//! confirmed after it was cancelled is `MAILS`.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, ORDER_EVENTS, PAYMENT_EVENTS};
use super::mailer::{Mail, Mailer};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// The sender looks for itself this often, for mails of before a crash.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The wait after a failure of the database or of the mailer.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// When an e-mail is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mails {
    /// At once, for each event as it arrives.
    OnEvent,
    /// From an outbox. What the customer was told last decides whether there is anything to tell; it changes in the
    /// transaction that writes the mail, and mails are sent one after the other in the order of their rows.
    Outbox,
}

impl FromStr for Mails {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "on-event" => Ok(Self::OnEvent),
            "outbox" => Ok(Self::Outbox),
            _ => Err("not a way to send mails; there are `on-event` and `outbox`"),
        }
    }
}

/// All that `notifications` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
    mailer: Mailer,
    mails: Mails,
}

struct Notifications {
    database: PgPool,
    mailer: Arc<Mailer>,
    mails: Mails,
    written: Arc<Notify>,
}

/// Sends the mails of the outbox.
struct Sender {
    database: PgPool,
    mailer: Arc<Mailer>,
    written: Arc<Notify>,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            mailer: Mailer::new(&settings.required::<String>("MAILER_URL")?)?,
            mails: settings.optional("MAILS", Mails::Outbox)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { kafka, database, mailer, mails } = self;
        let (database, mailer, written) = (database.pool(), Arc::new(mailer), Arc::new(Notify::new()));
        let sender = Sender { database: database.clone(), mailer: mailer.clone(), written: written.clone() };
        let notifications = Notifications { database, mailer, mails, written };
        let mut tasks = JoinSet::new();
        let topics = [ORDER_EVENTS, PAYMENT_EVENTS];
        tasks.spawn(async move { consume(kafka, "notifications", &topics, notifications).await });
        if mails == Mails::Outbox {
            tasks.spawn(async move { sender.run().await });
        }
        until_stopped(tasks, stop).await
    }
}

impl Handler for Notifications {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let (mail, order_id) = match event {
            Event::OrderPlaced(order) => (Mail::Received, &order.order_id),
            Event::PaymentSucceeded(payment) => (Mail::Confirmed, &payment.order_id),
            Event::OrderCancelled { order_id, .. } => (Mail::Cancelled, order_id),
            _ => return Ok(()),
        };
        match self.mails {
            Mails::OnEvent => self.mailer.send(mail, order_id).await,
            Mails::Outbox => {
                let written = self.write(mail, order_id).await;
                self.written.notify_one();
                written
            }
        }
    }
}

impl Notifications {
    /// Writes the mail if the customer is still to be told, in the transaction that says so.
    async fn write(&self, mail: Mail, order_id: &str) -> anyhow::Result<()> {
        let mut transaction = self.database.begin().await?;
        let told = match mail {
            Mail::Received => {
                "insert into told (order_id, status) values ($1, $2) on conflict (order_id) do nothing"
            }
            Mail::Confirmed => {
                "insert into told (order_id, status) values ($1, $2)
                 on conflict (order_id) do update set status = excluded.status where told.status = 'received'"
            }
            Mail::Cancelled => {
                "insert into told (order_id, status) values ($1, $2)
                 on conflict (order_id) do update set status = excluded.status where told.status <> 'cancelled'"
            }
        };
        let told = sqlx::query(told).bind(order_id).bind(mail.name()).execute(&mut *transaction).await?;
        if told.rows_affected() == 1 {
            sqlx::query("insert into mails (order_id, mail) values ($1, $2)")
                .bind(order_id)
                .bind(mail.name())
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}

impl Sender {
    async fn run(&self) -> anyhow::Result<()> {
        loop {
            let wait = match self.send_next().await {
                Ok(true) => continue,
                Ok(false) => LOOK_AGAIN,
                Err(error) => {
                    tracing::warn!("mails: {error:#}");
                    TRY_AGAIN
                }
            };
            let _ = tokio::time::timeout(wait, self.written.notified()).await;
        }
    }

    /// Sends the oldest mail and marks it, and says whether there was one. One that fails is not overtaken by the next.
    async fn send_next(&self) -> anyhow::Result<bool> {
        let next: Option<(i64, String, String)> =
            sqlx::query_as("select id, order_id, mail from mails where not sent order by id limit 1")
                .fetch_optional(&self.database)
                .await?;
        let Some((id, order_id, mail)) = next else { return Ok(false) };
        self.mailer.send(mail.parse()?, &order_id).await?;
        sqlx::query("update mails set sent = true where id = $1").bind(id).execute(&self.database).await?;
        Ok(true)
    }
}
