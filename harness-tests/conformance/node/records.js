// Records written, and read by place.

import { randomUUID } from 'node:crypto'
import kafkajs from 'kafkajs'
import { Failure, LIMIT_MS, unsupported, within } from './failures.js'

const { CompressionTypes, Partitioners } = kafkajs

const COMPRESSION = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const createPartitioner = Partitioners.DefaultPartitioner

export class Records {
  constructor(kafka, admin) {
    this.kafka = kafka
    this.admin = admin
  }

  async produce({ topic, records, acks = 'all', idempotent = false, compression = 'none', one_batch = false }) {
    const producer = this.kafka.producer({ createPartitioner, idempotent })
    const settings = { topic, acks: acks === 'all' ? -1 : Number(acks), compression: COMPRESSION[compression] }
    await producer.connect()
    try {
      return await sendAll(producer, settings, records, one_batch)
    } finally {
      await producer.disconnect()
    }
  }

  async transaction({ id, topic, records, end }) {
    const producer = this.kafka.producer({
      createPartitioner,
      transactionalId: id,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    try {
      const transaction = await producer.transaction()
      try {
        const written = await sendAll(transaction, { topic }, records, false)
        await (end === 'commit' ? transaction.commit() : transaction.abort())
        return written
      } catch (error) {
        if (transaction.isActive()) await transaction.abort()
        throw error
      }
    } finally {
      await producer.disconnect()
    }
  }

  /** The library assigns no partitions by hand: a group of its own, of one member, is moved to the place instead. */
  async read({ topic, partition, offset, count, isolation }) {
    const groupId = `read-${randomUUID()}`
    const readUncommitted = isolation === 'read_uncommitted'
    const consumer = this.kafka.consumer({ groupId, readUncommitted, maxWaitTimeInMs: 500 })
    await consumer.connect()
    try {
      await consumer.subscribe({ topic, fromBeginning: true })
      const records = []
      const all = new Promise((resolve, reject) => {
        const eachMessage = async delivered => {
          if (delivered.partition === partition) records.push(asJson(delivered))
          if (records.length >= count) resolve()
        }
        consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
        consumer.run({ autoCommit: false, eachMessage }).catch(reject)
        consumer.seek({ topic, partition, offset: String(offset) })
      })
      await within(LIMIT_MS, all, `of ${count} records not all were read`)
      return records.slice(0, count)
    } finally {
      await consumer.disconnect()
      await this.admin.deleteGroups([groupId])
    }
  }
}

/** Sends them in one batch, or one after the other. */
async function sendAll(sender, settings, records, oneBatch) {
  const messages = records.map(asMessage)
  const batches = oneBatch ? [messages] : messages.map(message => [message])
  const written = []
  for (const batch of batches) {
    // Without an acknowledgement there is no metadata.
    const [metadata] = await sender.send({ ...settings, messages: batch })
    // To a partition that the topic lacks, the library sends nothing and says nothing.
    if (!metadata && settings.acks !== 0) throw new Failure('REFUSED_BY_CLIENT', 'nothing was sent')
    batch.forEach((message, index) =>
      written.push({
        partition: metadata?.partition ?? message.partition,
        offset: metadata ? Number(metadata.baseOffset) + index : -1,
      })
    )
  }
  return written
}

function asMessage({ key = null, value = null, headers = [], timestamp, partition }) {
  return {
    key,
    value,
    headers: asHeaders(headers ?? []),
    ...(timestamp != null && { timestamp: String(timestamp) }),
    ...(partition != null && { partition }),
  }
}

/** Headers are an object here, so that equal keys stand together, in the order of JavaScript's properties. */
function asHeaders(pairs) {
  if (pairs.some(([, value]) => value === null)) throw unsupported('a header must have a value')
  const headers = {}
  for (const [key, value] of pairs) headers[key] = [...(headers[key] ?? []), value]
  const kept = Object.entries(headers).flatMap(([key, values]) => values.map(value => [key, value]))
  if (JSON.stringify(kept) !== JSON.stringify(pairs)) throw unsupported('this order of headers')
  return headers
}

export function asJson({ partition, message }) {
  const { offset, key, value, headers, timestamp } = message
  return {
    partition,
    offset: Number(offset),
    key: asText(key),
    value: asText(value),
    headers: Object.entries(headers ?? {}).flatMap(([key, values]) =>
      [values].flat().map(value => [key, asText(value)])
    ),
    timestamp: Number(timestamp),
  }
}

const asText = data => data?.toString() ?? null
