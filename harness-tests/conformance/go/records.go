package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// record is one as the protocol writes it.
type record struct {
	Key       *string      `json:"key"`
	Value     *string      `json:"value"`
	Headers   [][2]*string `json:"headers"`
	Timestamp *int64       `json:"timestamp"`
	Partition *int32       `json:"partition"`
	Offset    int64        `json:"offset"`
}

// fetchWait is how long the broker may keep a fetch that finds nothing.
const fetchWait = 500 * time.Millisecond

var acks = map[string]kgo.Acks{"": kgo.AllISRAcks(), "all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}

var compression = map[string]kgo.CompressionCodec{
	"":       kgo.NoCompression(),
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func (c *client) produce(ctx context.Context, asked request) (any, error) {
	options := []kgo.Opt{
		kgo.RequiredAcks(acks[asked.Acks]),
		kgo.ProducerBatchCompression(compression[asked.Compression]),
	}
	if !asked.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if asked.OneBatch {
		options = append(options, kgo.ManualFlushing())
	}
	producer, err := c.producer(asked, options...)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	records := asKafka(asked)
	if asked.OneBatch {
		err = sendTogether(ctx, producer, records)
	} else {
		err = sendEach(ctx, producer, records)
	}
	return places(records, asked.Acks), err
}

func (c *client) transaction(ctx context.Context, asked request) (any, error) {
	producer, err := c.producer(asked, kgo.TransactionalID(asked.ID))
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	if err := producer.BeginTransaction(); err != nil {
		return nil, err
	}
	records := asKafka(asked)
	if err := sendEach(ctx, producer, records); err != nil {
		_ = producer.EndTransaction(ctx, kgo.TryAbort)
		return nil, err
	}
	return places(records, asked.Acks), producer.EndTransaction(ctx, kgo.TransactionEndTry(asked.End == "commit"))
}

func (c *client) producer(asked request, options ...kgo.Opt) (*kgo.Client, error) {
	options = append(options, kgo.SeedBrokers(c.address), kgo.ProducerLinger(0))
	if len(asked.Records) > 0 && asked.Records[0].Partition != nil {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	return kgo.NewClient(options...)
}

func sendEach(ctx context.Context, producer *kgo.Client, records []*kgo.Record) error {
	for _, one := range records {
		written := make(chan error, 1)
		producer.Produce(ctx, one, func(_ *kgo.Record, err error) { written <- err })
		select {
		case err := <-written:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			// A record that may be on its way is not given up by the library itself.
			return ctx.Err()
		}
	}
	return nil
}

func sendTogether(ctx context.Context, producer *kgo.Client, records []*kgo.Record) error {
	var first kgo.FirstErrPromise
	for _, one := range records {
		producer.Produce(ctx, one, first.Promise())
	}
	if err := producer.Flush(ctx); err != nil {
		return err
	}
	return first.Err()
}

func (c *client) read(ctx context.Context, asked request) (any, error) {
	isolation := kgo.ReadUncommitted()
	if asked.Isolation == "read_committed" {
		isolation = kgo.ReadCommitted()
	}
	start := kgo.NewOffset().At(asked.Offset)
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(c.address),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{asked.Topic: {asked.Partition: start}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(isolation),
		kgo.FetchMaxWait(fetchWait),
	)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	records := []record{}
	for len(records) < asked.Count {
		fetches := consumer.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, timedOut("%d of %d records were read", len(records), asked.Count)
		}
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(one *kgo.Record) { records = append(records, fromKafka(one)) })
	}
	return records[:asked.Count], nil
}

func asKafka(asked request) []*kgo.Record {
	var records []*kgo.Record
	for _, one := range asked.Records {
		kafka := &kgo.Record{Topic: asked.Topic, Key: asBytes(one.Key), Value: asBytes(one.Value)}
		for _, header := range one.Headers {
			kafka.Headers = append(kafka.Headers, kgo.RecordHeader{Key: *header[0], Value: asBytes(header[1])})
		}
		if one.Timestamp != nil {
			kafka.Timestamp = time.UnixMilli(*one.Timestamp)
		}
		if one.Partition != nil {
			kafka.Partition = *one.Partition
		}
		records = append(records, kafka)
	}
	return records
}

func fromKafka(one *kgo.Record) record {
	timestamp := one.Timestamp.UnixMilli()
	headers := [][2]*string{}
	for _, header := range one.Headers {
		headers = append(headers, [2]*string{&header.Key, asText(header.Value)})
	}
	return record{asText(one.Key), asText(one.Value), headers, &timestamp, &one.Partition, one.Offset}
}

// places tells where records were written; without an acknowledgement nobody knows the offset.
func places(records []*kgo.Record, acks string) []map[string]int64 {
	places := []map[string]int64{}
	for _, one := range records {
		offset := one.Offset
		if acks == "0" {
			offset = -1
		}
		places = append(places, map[string]int64{"partition": int64(one.Partition), "offset": offset})
	}
	return places
}

func asBytes(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

func asText(bytes []byte) *string {
	if bytes == nil {
		return nil
	}
	text := string(bytes)
	return &text
}
