// A consumer in a group, which goes on by itself: heartbeats, rebalances and records come while requests are answered.

import net from 'node:net'
import { LIMIT_MS, timedOut } from './failures.js'
import { cluster } from './kafka.js'
import { asJson } from './records.js'

export class Member {
  constructor(address, group, sessionTimeout) {
    this.sockets = new Set()
    this.isCut = false
    const heartbeatInterval = Math.floor(sessionTimeout / 3)
    this.consumer = cluster(address, { socketFactory: place => this.connect(place) }).consumer({
      groupId: group,
      sessionTimeout,
      heartbeatInterval,
      rebalanceTimeout: LIMIT_MS,
      // Heartbeats are sent between fetches.
      maxWaitTimeInMs: Math.min(500, heartbeatInterval),
    })
    this.assigned = []
    this.delivered = []
    this.failure = null
    this.waiting = new Set()
  }

  async start(topics) {
    const { GROUP_JOIN, REBALANCING, CRASH } = this.consumer.events
    this.consumer.on(GROUP_JOIN, ({ payload }) => this.change(() => (this.assigned = places(payload.memberAssignment))))
    this.consumer.on(REBALANCING, () => this.change(() => (this.assigned = [])))
    // Where it starts itself anew, nothing has failed for good.
    this.consumer.on(CRASH, ({ payload }) => payload.restart || this.change(() => (this.failure = payload.error)))
    await this.consumer.connect()
    await this.consumer.subscribe({ topics, fromBeginning: true })
    const eachMessage = async delivered => this.change(() => this.delivered.push(delivered))
    // What ends it is told by CRASH as well.
    this.consumer.run({ autoCommit: false, eachMessage }).catch(() => {})
  }

  async assignment(count) {
    await this.until(() => this.assigned.length === count, () => `assigned: ${JSON.stringify(this.assigned)}`)
    return this.assigned
  }

  async receive(count) {
    await this.until(() => this.delivered.length >= count, () => `${this.delivered.length} were delivered`)
    return this.delivered.splice(0, count).sort(byPlace).map(asJson)
  }

  async commit(offsets) {
    await this.consumer.commitOffsets(offsets.map(one => ({ ...one, offset: String(one.offset) })))
  }

  async leave() {
    await this.consumer.disconnect()
  }

  /** Falls silent, as if its host had lost the network: nothing more is sent, so no LeaveGroup either. */
  abandon() {
    this.isCut = true
    for (const socket of this.sockets) socket.destroy()
    this.consumer.disconnect().catch(() => {})
  }

  connect({ host, port, onConnect }) {
    const socket = new net.Socket()
    if (this.isCut) {
      setImmediate(() => socket.destroy(new Error('abandoned')))
      return socket
    }
    this.sockets.add(socket)
    socket.once('close', () => this.sockets.delete(socket))
    return socket.connect({ host, port }, onConnect)
  }

  change(what) {
    what()
    for (const check of this.waiting) check()
  }

  until(condition, state) {
    return new Promise((resolve, reject) => {
      const end = (settle, result) => {
        clearTimeout(timer)
        this.waiting.delete(check)
        settle(result)
      }
      const check = () => {
        if (condition()) end(resolve)
        else if (this.failure) end(reject, this.failure)
      }
      const timer = setTimeout(() => end(reject, timedOut(state())), LIMIT_MS)
      this.waiting.add(check)
      check()
    })
  }
}

const places = assignment =>
  Object.entries(assignment)
    .flatMap(([topic, partitions]) => partitions.map(partition => [topic, partition]))
    .sort(([oneTopic, one], [otherTopic, other]) => compare(oneTopic, otherTopic) || one - other)

const byPlace = (one, other) =>
  compare(one.topic, other.topic) ||
  one.partition - other.partition ||
  Number(one.message.offset) - Number(other.message.offset)

const compare = (one, other) => (one < other ? -1 : Number(one > other))
