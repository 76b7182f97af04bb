import type { Pool, PoolClient } from "pg";

import type { Arrivals } from "./settings.js";
import { inTransaction } from "./transaction.js";

/** An event of the topics payment-events and shipping-events, and which version of the order it made. */
export type OrderChanged = { order_id: string; version: number } & (
  | { type: "OrderPaid"; amount: number }
  | { type: "OrderShipped"; parcel: string }
);

/** Shows what was paid for an order and where its parcel is, from two topics that are not ordered between each other. */
export class Tracking {
  constructor(
    private readonly database: Pool,
    private readonly arrivals: Arrivals,
  ) {}

  /** The view, its version and what waits change together, and all of that before the offset is committed. */
  async see(event: OrderChanged): Promise<void> {
    await inTransaction(this.database, async (client) => {
      const shown = await shownVersion(client, event.order_id);
      switch (this.arrivals) {
        case "as-received":
          return apply(client, event);
        case "newer-only":
          return event.version > shown ? apply(client, event) : undefined;
        case "buffered":
          await buffer(client, event);
          return applyBuffered(client, event.order_id, shown);
      }
    });
  }
}

/** The version that is shown of the order, which nobody else changes until the transaction ends. */
async function shownVersion(client: PoolClient, orderId: string): Promise<number> {
  await client.query("insert into tracking (order_id) values ($1) on conflict do nothing", [orderId]);
  const found = await client.query("select version from tracking where order_id = $1 for update", [orderId]);
  return Number(found.rows[0].version);
}

async function apply(client: PoolClient, event: OrderChanged): Promise<void> {
  switch (event.type) {
    case "OrderPaid":
      await client.query(
        "update tracking set status = 'paid', amount = $3, version = $2 where order_id = $1",
        [event.order_id, event.version, event.amount],
      );
      return;
    case "OrderShipped":
      await client.query(
        "update tracking set status = 'shipped', parcel = $3, version = $2 where order_id = $1",
        [event.order_id, event.version, event.parcel],
      );
  }
}

async function buffer(client: PoolClient, event: OrderChanged): Promise<void> {
  await client.query(
    "insert into early (order_id, version, payload) values ($1, $2, $3) on conflict do nothing",
    [event.order_id, event.version, JSON.stringify(event)],
  );
}

/** Applies what follows the version that is shown, without a gap, and takes it and all that is older out of the buffer. */
async function applyBuffered(client: PoolClient, orderId: string, shown: number): Promise<void> {
  let version = shown;
  for (;;) {
    const next = await client.query("select payload from early where order_id = $1 and version = $2", [
      orderId,
      version + 1,
    ]);
    if (next.rows.length === 0) break;
    await apply(client, JSON.parse(next.rows[0].payload) as OrderChanged);
    version += 1;
  }
  await client.query("delete from early where order_id = $1 and version <= $2", [orderId, version]);
}
