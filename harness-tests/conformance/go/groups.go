package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var balancers = map[string]kgo.GroupBalancer{
	"range":              kgo.RangeBalancer(),
	"roundrobin":         kgo.RoundRobinBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

func (c *client) join(_ context.Context, asked request) (any, error) {
	joined, err := join(c.address, asked, balancers[asked.Assignor])
	if err == nil {
		c.members[asked.Consumer] = joined
	}
	return nil, err
}

func (c *client) assignment(ctx context.Context, asked request) (any, error) {
	m, err := c.member(asked)
	if err != nil {
		return nil, err
	}
	return m.assignment(ctx, asked.Count)
}

func (c *client) receive(ctx context.Context, asked request) (any, error) {
	m, err := c.member(asked)
	if err != nil {
		return nil, err
	}
	return m.receive(ctx, asked.Count)
}

func (c *client) commit(ctx context.Context, asked request) (any, error) {
	m, err := c.member(asked)
	if err != nil {
		return nil, err
	}
	return nil, m.commit(ctx, asked.Offsets)
}

func (c *client) leave(_ context.Context, asked request) (any, error) {
	return c.part(asked, (*member).leave)
}

func (c *client) abandon(_ context.Context, asked request) (any, error) {
	return c.part(asked, (*member).abandon)
}

func (c *client) part(asked request, how func(*member)) (any, error) {
	m, err := c.member(asked)
	if err == nil {
		how(m)
		delete(c.members, asked.Consumer)
	}
	return nil, err
}

func (c *client) member(asked request) (*member, error) {
	m, known := c.members[asked.Consumer]
	if !known {
		return nil, badRequest("no consumer %s", asked.Consumer)
	}
	return m, nil
}

func (c *client) committed(ctx context.Context, asked request) (any, error) {
	committed, err := c.admin.FetchOffsetsForTopics(ctx, asked.Group, asked.Topic)
	if err != nil {
		return nil, err
	}
	found, known := committed.Lookup(asked.Topic, asked.Partition)
	if !known {
		return map[string]int64{"offset": -1}, nil
	}
	return map[string]int64{"offset": found.At}, found.Err
}

func (c *client) reset(ctx context.Context, asked request) (any, error) {
	var offsets kadm.Offsets
	for _, one := range asked.Offsets {
		offsets.AddOffset(one.Topic, one.Partition, one.Offset, -1)
	}
	committed, err := c.admin.CommitOffsets(ctx, asked.Group, offsets)
	if err != nil {
		return nil, err
	}
	return nil, committed.Error()
}

func (c *client) describeGroup(ctx context.Context, asked request) (any, error) {
	described, err := c.admin.DescribeGroups(ctx, asked.Group)
	if err != nil {
		return nil, err
	}
	found := described[asked.Group]
	return map[string]any{"state": found.State, "members": len(found.Members)}, found.Err
}

func (c *client) listGroups(ctx context.Context, _ request) (any, error) {
	listed, err := c.admin.ListGroups(ctx)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for name := range listed {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (c *client) deleteGroup(ctx context.Context, asked request) (any, error) {
	_, err := c.admin.DeleteGroup(ctx, asked.Group)
	return nil, err
}

// patient asks again while the coordinator of the group is not there yet, which the admin client leaves to its user.
func patient(ask handler) handler {
	notYet := []error{kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.NotCoordinator}
	return func(ctx context.Context, asked request) (any, error) {
		for {
			result, err := ask(ctx, asked)
			isNotYet := slices.ContainsFunc(notYet, func(one error) bool { return errors.Is(err, one) })
			if !isNotYet {
				return result, err
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return nil, err
			}
		}
	}
}
