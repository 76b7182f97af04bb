// A conformance client around kafkajs: one request per line in, one answer per line out. See ../PROTOCOL.md.

import { createInterface } from 'node:readline'
import { Failure, LIMIT_MS, nameOf, within } from './failures.js'
import { Groups } from './groups.js'
import { cluster } from './kafka.js'
import { Records } from './records.js'
import { Topics } from './topics.js'

const kafka = cluster(process.argv[2])
const admin = kafka.admin()
const topics = new Topics(admin)
const records = new Records(kafka, admin)
const groups = new Groups(process.argv[2], admin)

const requests = {
  create_topic: request => topics.create(request),
  delete_topic: request => topics.delete(request),
  create_partitions: request => topics.createPartitions(request),
  delete_records: request => topics.deleteRecords(request),
  describe_topic: request => topics.describe(request),
  describe_config: request => topics.describeConfig(request),
  list_offsets: request => topics.listOffsets(request),
  produce: request => records.produce(request),
  transaction: request => records.transaction(request),
  read: request => records.read(request),
  join: request => groups.join(request),
  assignment: request => groups.assignment(request),
  receive: request => groups.receive(request),
  commit: request => groups.commit(request),
  leave: request => groups.leave(request),
  abandon: request => groups.abandon(request),
  committed: request => groups.committed(request),
  reset: request => groups.reset(request),
  describe_group: request => groups.describe(request),
  list_groups: () => groups.names(),
  delete_group: request => groups.delete(request),
}

async function answer({ do: name, ...request }) {
  const carryOut = requests[name]
  if (!carryOut) return { error: 'BAD_REQUEST' }
  try {
    // Those who wait for something bound their waits and say what was missing; this is for the library's own.
    return { ok: (await within(LIMIT_MS + 1_000, carryOut(request), name)) ?? null }
  } catch (error) {
    if (error instanceof Failure) return { error: error.name, detail: error.message }
    return { error: nameOf(error), detail: `${error.name}: ${error.message}` }
  }
}

await admin.connect()
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n')
}
await within(LIMIT_MS, groups.leaveAll(), 'leaving').catch(error => console.error(error))
// Retries of calls that were given up would keep the process alive.
process.exit(0)
