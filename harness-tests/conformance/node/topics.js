// Topics and their offsets, by the admin client.

import kafkajs from 'kafkajs'
import { Failure } from './failures.js'

const { ConfigResourceTypes } = kafkajs

export class Topics {
  constructor(admin) {
    this.admin = admin
  }

  async create({ topic, partitions }) {
    const created = await this.admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
      // The library looks once, and a broker may know a topic a little later than its controller.
      waitForLeaders: false,
    })
    // The one error that the library tells by a result.
    if (!created) throw new Failure('TOPIC_ALREADY_EXISTS', topic)
  }

  async delete({ topic }) {
    await this.admin.deleteTopics({ topics: [topic] })
  }

  async createPartitions({ topic, partitions }) {
    await this.admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] })
  }

  async deleteRecords({ topic, partition, before }) {
    // The library looks for the leader in what it knows already: make it know the topic.
    await this.admin.fetchTopicOffsets(topic)
    await this.admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
  }

  async describe({ topic }) {
    const { topics } = await this.admin.fetchTopicMetadata({ topics: [topic] })
    return { partitions: topics[0].partitions.length }
  }

  async describeConfig({ topic, name }) {
    const { resources } = await this.admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
    })
    const entry = resources[0].configEntries.find(entry => entry.configName === name)
    return { value: entry?.configValue ?? null }
  }

  async listOffsets({ topic, partition, at }) {
    const isNamed = at === 'earliest' || at === 'latest'
    const offsets = isNamed
      ? await this.admin.fetchTopicOffsets(topic)
      : await this.admin.fetchTopicOffsetsByTimestamp(topic, at)
    const found = offsets.find(one => one.partition === partition)
    if (!found) throw new Failure('REFUSED_BY_CLIENT', `no partition ${partition} was listed`)
    return { offset: Number({ earliest: found.low, latest: found.high }[at] ?? found.offset) }
  }
}
