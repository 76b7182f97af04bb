import { Kafka } from "kafkajs";
import pg from "pg";

import { Gateway } from "./gateway.js";
import type { OrderPlaced } from "./order-placed.js";
import { Payments } from "./payments.js";
import { settings } from "./settings.js";

const { brokers, databaseUrl, gatewayUrl, dedup } = settings(process.env);

const database = new pg.Pool({ connectionString: databaseUrl });
// An idle connection that the server closes is replaced by the pool; without a listener it would end the process.
database.on("error", (error) => console.error("database:", error.message));
const payments = new Payments(database, new Gateway(gatewayUrl), dedup);

const kafka = new Kafka({ clientId: "payments", brokers });
const consumer = kafka.consumer({ groupId: "payments" });

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void consumer.disconnect().then(() => database.end()));
}

await consumer.connect();
// A new group also sees what was published before it first committed.
await consumer.subscribe({ topics: ["order-events"], fromBeginning: true });
// kafkajs commits by itself when all messages of a fetch are handled. So none is lost, and all of a fetch may come again.
await consumer.run({
  eachMessage: async ({ message }) => {
    await payments.pay(JSON.parse(String(message.value)) as OrderPlaced);
  },
});
