// Groups: their members by name, their offsets and states by the admin client.

import { Failure, unsupported } from './failures.js'
import { Member } from './member.js'

export class Groups {
  constructor(address, admin) {
    this.address = address
    this.admin = admin
    this.members = new Map()
  }

  async join({ consumer, group, topics, instance, session_timeout, assignor }) {
    if (instance != null) throw unsupported('static members')
    if (assignor !== 'roundrobin') throw unsupported(`the assignor ${assignor}`)
    const member = new Member(this.address, group, session_timeout)
    await member.start(topics)
    this.members.set(consumer, member)
  }

  assignment({ consumer, count }) {
    return this.member(consumer).assignment(count)
  }

  receive({ consumer, count }) {
    return this.member(consumer).receive(count)
  }

  commit({ consumer, offsets }) {
    return this.member(consumer).commit(offsets)
  }

  async leave({ consumer }) {
    await this.member(consumer).leave()
    this.members.delete(consumer)
  }

  async abandon({ consumer }) {
    this.member(consumer).abandon()
    this.members.delete(consumer)
  }

  async leaveAll() {
    await Promise.all([...this.members.values()].map(member => member.leave()))
  }

  async committed({ group, topic, partition }) {
    const [{ partitions }] = await this.admin.fetchOffsets({ groupId: group, topics: [topic] })
    return { offset: Number(partitions.find(one => one.partition === partition).offset) }
  }

  async reset({ group, offsets }) {
    for (const { topic, partition, offset } of offsets) {
      await this.admin.setOffsets({ groupId: group, topic, partitions: [{ partition, offset: String(offset) }] })
    }
  }

  async describe({ group }) {
    const { groups } = await this.admin.describeGroups([group])
    return { state: groups[0].state, members: groups[0].members.length }
  }

  async names() {
    const { groups } = await this.admin.listGroups()
    return groups.map(group => group.groupId).sort()
  }

  async delete({ group }) {
    await this.admin.deleteGroups([group])
  }

  member(consumer) {
    const member = this.members.get(consumer)
    if (!member) throw new Failure('BAD_REQUEST', `no consumer ${consumer}`)
    return member
  }
}
