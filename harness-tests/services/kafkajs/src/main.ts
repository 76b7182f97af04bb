import pg from "pg";

import { consume } from "./consume.js";
import { Gateway } from "./gateway.js";
import type { OrderPlaced } from "./order-placed.js";
import { Payments } from "./payments.js";
import { addresses, arrivals, dedup, required } from "./settings.js";
import { type OrderChanged, Tracking } from "./tracking.js";

const env = process.env;
const { brokers, databaseUrl } = addresses(env);
const database = new pg.Pool({ connectionString: databaseUrl });
// An idle connection that the server closes is replaced by the pool; without a listener it would end the process.
database.on("error", (error) => console.error("database:", error.message));

const service = process.argv[2];
switch (service) {
  case "payments": {
    const payments = new Payments(database, new Gateway(required(env, "GATEWAY_URL")), dedup(env));
    await run(["order-events"], (event) => payments.pay(event as OrderPlaced));
    break;
  }
  case "tracking": {
    const tracking = new Tracking(database, arrivals(env));
    await run(["payment-events", "shipping-events"], (event) => tracking.see(event as OrderChanged));
    break;
  }
  default:
    throw new Error(`which service? There are payments and tracking, not ${service}`);
}

async function run(topics: string[], handle: (event: unknown) => Promise<void>): Promise<void> {
  const consumer = await consume(brokers, service ?? "", topics, handle);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void consumer.disconnect().then(() => database.end()));
  }
}
