import type { Pool, PoolClient } from "pg";

/** Does the work in one transaction: all of it, or none. */
export async function inTransaction(
  database: Pool,
  work: (client: PoolClient) => Promise<void>,
): Promise<void> {
  const client = await database.connect();
  try {
    await client.query("begin");
    await work(client);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
