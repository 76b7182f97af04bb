package main

import (
	"context"
	"encoding/json"

	"github.com/twmb/franz-go/pkg/kadm"
)

func (c *client) createTopic(ctx context.Context, asked request) (any, error) {
	_, err := c.admin.CreateTopic(ctx, int32(asked.Partitions), 1, nil, asked.Topic)
	return nil, err
}

func (c *client) deleteTopic(ctx context.Context, asked request) (any, error) {
	_, err := c.admin.DeleteTopic(ctx, asked.Topic)
	return nil, err
}

func (c *client) createPartitions(ctx context.Context, asked request) (any, error) {
	updated, err := c.admin.UpdatePartitions(ctx, asked.Partitions, asked.Topic)
	if err != nil {
		return nil, err
	}
	return nil, updated.Error()
}

func (c *client) deleteRecords(ctx context.Context, asked request) (any, error) {
	var before kadm.Offsets
	before.AddOffset(asked.Topic, asked.Partition, asked.Before, -1)
	deleted, err := c.admin.DeleteRecords(ctx, before)
	if err != nil {
		return nil, err
	}
	return nil, deleted.Error()
}

func (c *client) describeTopic(ctx context.Context, asked request) (any, error) {
	topics, err := c.admin.ListTopics(ctx, asked.Topic)
	if err != nil {
		return nil, err
	}
	found := topics[asked.Topic]
	return map[string]int{"partitions": len(found.Partitions)}, found.Err
}

func (c *client) describeConfig(ctx context.Context, asked request) (any, error) {
	described, err := c.admin.DescribeTopicConfigs(ctx, asked.Topic)
	if err != nil {
		return nil, err
	}
	found, err := described.On(asked.Topic, nil)
	if err == nil {
		err = found.Err
	}
	var value *string
	for _, config := range found.Configs {
		if config.Key == asked.Name {
			value = config.Value
		}
	}
	return map[string]*string{"value": value}, err
}

func (c *client) listOffsets(ctx context.Context, asked request) (any, error) {
	var listed kadm.ListedOffsets
	var err error
	switch at := string(asked.At); at {
	case `"earliest"`:
		listed, err = c.admin.ListStartOffsets(ctx, asked.Topic)
	case `"latest"`:
		listed, err = c.admin.ListEndOffsets(ctx, asked.Topic)
	default:
		var millis int64
		if err := json.Unmarshal(asked.At, &millis); err != nil {
			return nil, badRequest("at %s", at)
		}
		listed, err = c.admin.ListOffsetsAfterMilli(ctx, millis, asked.Topic)
	}
	if err != nil {
		return nil, err
	}
	if err := listed.Error(); err != nil {
		return nil, err
	}
	found, known := listed.Lookup(asked.Topic, asked.Partition)
	if !known {
		return nil, failure{"REFUSED_BY_CLIENT", "no such partition was listed"}
	}
	return map[string]int64{"offset": found.Offset}, nil
}
