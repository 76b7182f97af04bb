import type { OrderPlaced } from "./order-placed.js";

/** The payment gateway: a charge is accepted with 2xx, anything else is an error. */
export class Gateway {
  constructor(private readonly url: string) {}

  /** With a key, a repeated call charges once. */
  async charge(order: OrderPlaced, idempotencyKey?: string): Promise<void> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
    const body = JSON.stringify({ order_id: order.order_id, amount: order.amount });
    const response = await fetch(`${this.url}/charges`, { method: "POST", headers, body });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
  }
}
