/**
 * How a repeated delivery is recognised. `none`: it is not, and every delivery charges. `event-id`: by its event id,
 * kept in the transaction of the payment.
 */
export type Dedup = "none" | "event-id";

/**
 * In which order events are applied. `as-received`: as they arrive. `newer-only`: the same, but what is older than what is
 * shown is left out. `buffered`: by their versions; what comes too early waits in a table for what comes before it.
 */
export type Arrivals = "as-received" | "newer-only" | "buffered";

export function addresses(env: NodeJS.ProcessEnv): { brokers: string[]; databaseUrl: string } {
  return { brokers: required(env, "KAFKA_BROKERS").split(","), databaseUrl: required(env, "DATABASE_URL") };
}

export function dedup(env: NodeJS.ProcessEnv): Dedup {
  return technique(env, "DEDUP", ["event-id", "none"]);
}

export function arrivals(env: NodeJS.ProcessEnv): Arrivals {
  return technique(env, "ARRIVALS", ["buffered", "newer-only", "as-received"]);
}

export function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** One of those that are known; the first if none is chosen. */
function technique<T extends string>(env: NodeJS.ProcessEnv, name: string, known: [T, ...T[]]): T {
  const value = env[name] ?? known[0];
  const chosen = known.find((one) => one === value);
  if (!chosen) throw new Error(`${name} is ${value}; there are ${known.join(", ")}`);
  return chosen;
}
