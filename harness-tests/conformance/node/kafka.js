// The library as its users set it up.

import kafkajs from 'kafkajs'
import LZ4Codec from 'kafkajs-lz4'
import snappyCodec from 'kafkajs-snappy'

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs

CompressionCodecs[CompressionTypes.Snappy] = snappyCodec
CompressionCodecs[CompressionTypes.LZ4] = new LZ4Codec().codec

// Standard output is for answers alone.
const logCreator = () => ({ namespace, label, log }) => console.error(label, namespace, log.message, log.error ?? '')

export const cluster = (address, options = {}) =>
  new Kafka({ brokers: [address], logLevel: logLevel.WARN, logCreator, ...options })
