import type { Pool, PoolClient } from "pg";

import type { Gateway } from "./gateway.js";
import type { OrderPlaced } from "./order-placed.js";
import type { Dedup } from "./settings.js";
import { inTransaction } from "./transaction.js";

/** Charges an order and records it, in one transaction of the database. */
export class Payments {
  constructor(
    private readonly database: Pool,
    private readonly gateway: Gateway,
    private readonly dedup: Dedup,
  ) {}

  async pay(order: OrderPlaced): Promise<void> {
    await inTransaction(this.database, async (client) => {
      if (this.dedup === "event-id" && !(await isFirst(client, order))) return;
      // The charge is not undone with the transaction. If that fails, or the process dies, the event comes again, and
      // then the key tells the gateway that it is the same charge.
      await this.gateway.charge(order, this.dedup === "event-id" ? order.event_id : undefined);
      await record(client, order);
    });
  }
}

/** Two deliveries at once meet here: the second waits until the transaction of the first has ended. */
async function isFirst(client: PoolClient, order: OrderPlaced): Promise<boolean> {
  const inserted = await client.query(
    "insert into handled_events (event_id) values ($1) on conflict do nothing",
    [order.event_id],
  );
  return inserted.rowCount === 1;
}

async function record(client: PoolClient, order: OrderPlaced): Promise<void> {
  await client.query(
    "insert into payments (order_id, customer, amount) values ($1, $2, $3) on conflict do nothing",
    [order.order_id, order.customer, order.amount],
  );
  await client.query(
    `insert into customers (customer, spent) values ($1, $2)
     on conflict (customer) do update set spent = customers.spent + excluded.spent`,
    [order.customer, order.amount],
  );
}
