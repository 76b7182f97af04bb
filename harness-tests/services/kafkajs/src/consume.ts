import { type Consumer, Kafka } from "kafkajs";

/** Gives `handle` every event of the topics, in the order of each partition; one that fails is tried again. */
export async function consume(
  brokers: string[],
  group: string,
  topics: string[],
  handle: (event: unknown) => Promise<void>,
): Promise<Consumer> {
  const consumer = new Kafka({ clientId: group, brokers }).consumer({ groupId: group });
  await consumer.connect();
  // A new group also sees what was published before it first committed.
  await consumer.subscribe({ topics, fromBeginning: true });
  // kafkajs commits by itself when all messages of a fetch are handled. So none is lost, and all of a fetch may come again.
  await consumer.run({ eachMessage: async ({ message }) => handle(JSON.parse(String(message.value))) });
  return consumer;
}
