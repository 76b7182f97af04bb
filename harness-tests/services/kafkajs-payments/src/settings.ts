/**
 * How a repeated delivery is recognised. `none`: it is not, and every delivery charges. `event-id`: by its event id,
 * kept in the transaction of the payment.
 */
export type Dedup = "none" | "event-id";

export interface Settings {
  brokers: string[];
  databaseUrl: string;
  gatewayUrl: string;
  dedup: Dedup;
}

export function settings(env: NodeJS.ProcessEnv): Settings {
  return {
    brokers: required(env, "KAFKA_BROKERS").split(","),
    databaseUrl: required(env, "DATABASE_URL"),
    gatewayUrl: required(env, "GATEWAY_URL"),
    dedup: dedup(env["DEDUP"] ?? "event-id"),
  };
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

function dedup(name: string): Dedup {
  if (name === "none" || name === "event-id") return name;
  throw new Error(`DEDUP is ${name}; there are none and event-id`);
}
