// What can go wrong, by the names of the protocol.

// The longest that anything may take.
export const LIMIT_MS = 30_000

/** An answer that is not from the broker. */
export class Failure extends Error {
  constructor(name, detail) {
    super(detail)
    this.name = name
  }
}

export const unsupported = detail => new Failure('UNSUPPORTED_BY_CLIENT', detail)
export const timedOut = detail => new Failure('TIMED_OUT_WAITING', detail)

/** What `promise` gives, or that the time ran out. */
export async function within(milliseconds, promise, what) {
  let timer
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(timedOut(what)), milliseconds)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}

// Where the library spells a name of Kafka's in its own way.
const SPELLINGS = {
  UNKNOWN: 'UNKNOWN_SERVER_ERROR',
  NOT_LEADER_FOR_PARTITION: 'NOT_LEADER_OR_FOLLOWER',
  GROUP_LOAD_IN_PROGRESS: 'COORDINATOR_LOAD_IN_PROGRESS',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'COORDINATOR_NOT_AVAILABLE',
  NOT_COORDINATOR_FOR_GROUP: 'NOT_COORDINATOR',
}

const NAMES = {
  KafkaJSConnectionError: 'TIMED_OUT_WAITING',
  KafkaJSConnectionClosedError: 'TIMED_OUT_WAITING',
  KafkaJSRequestTimeoutError: 'TIMED_OUT_WAITING',
  KafkaJSTimeout: 'TIMED_OUT_WAITING',
  KafkaJSNotImplemented: 'UNSUPPORTED_BY_CLIENT',
  KafkaJSServerDoesNotSupportApiKey: 'UNSUPPORTED_BY_CLIENT',
}

/** The name of Kafka's protocol error, wherever kafkajs put it, or what stands for an error of its own. */
export function nameOf(error) {
  if (error.type) return SPELLINGS[error.type] ?? error.type
  const wrapped = error.errors ?? error.groups?.map(one => one.error) ?? error.partitions?.map(one => one.error)
  if (wrapped?.length) return nameOf(wrapped[0])
  if (error.cause) return nameOf(error.cause)
  if (!error.name.startsWith('KafkaJS')) throw error
  return NAMES[error.name] ?? 'REFUSED_BY_CLIENT'
}
