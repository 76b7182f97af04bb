package main

import (
	"cmp"
	"context"
	"errors"
	"log"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// member is a consumer in a group. It polls on a goroutine of its own so that records and rebalances come meanwhile.
type member struct {
	kafka *kgo.Client
	end   context.CancelFunc

	lock      sync.Mutex
	changed   chan struct{} // closed and made anew with each change
	assigned  map[place]bool
	delivered []*kgo.Record
	failure   error

	isCut       bool
	connections []net.Conn
}

// Errors of a session after which the library joins anew by itself.
var recoverable = []error{kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress}

func join(address string, asked request, balancer kgo.GroupBalancer) (*member, error) {
	m := &member{changed: make(chan struct{}), assigned: map[place]bool{}}
	sessionTimeout := time.Duration(asked.SessionTimeout) * time.Millisecond
	options := []kgo.Opt{
		kgo.SeedBrokers(address),
		kgo.Dialer(m.dial),
		kgo.ConsumerGroup(asked.Group),
		kgo.ConsumeTopics(asked.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.Balancers(balancer),
		kgo.SessionTimeout(sessionTimeout),
		kgo.HeartbeatInterval(sessionTimeout / 3),
		kgo.RebalanceTimeout(limit),
		kgo.FetchMaxWait(fetchWait),
		kgo.OnPartitionsAssigned(m.assign),
		kgo.OnPartitionsRevoked(m.unassign),
		kgo.OnPartitionsLost(m.unassign),
	}
	if asked.Instance != "" {
		options = append(options, kgo.InstanceID(asked.Instance))
	}
	var err error
	if m.kafka, err = kgo.NewClient(options...); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.end = cancel
	go m.poll(ctx)
	return m, nil
}

func (m *member) poll(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := m.kafka.PollFetches(ctx)
		m.change(func() {
			m.delivered = append(m.delivered, fetches.Records()...)
			fetches.EachError(func(_ string, _ int32, err error) {
				isRecoverable := slices.ContainsFunc(recoverable, func(one error) bool { return errors.Is(err, one) })
				if !isRecoverable && ctx.Err() == nil {
					m.failure = err
				}
			})
		})
	}
}

func (m *member) assign(_ context.Context, _ *kgo.Client, added map[string][]int32) {
	m.change(func() { eachPlace(added, func(one place) { m.assigned[one] = true }) })
}

func (m *member) unassign(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	m.change(func() { eachPlace(lost, func(one place) { delete(m.assigned, one) }) })
}

func (m *member) assignment(ctx context.Context, count int) ([][2]any, error) {
	if err := m.await(ctx, func() bool { return len(m.assigned) == count }); err != nil {
		return nil, err
	}
	defer m.lock.Unlock()
	var places []place
	for one := range m.assigned {
		places = append(places, one)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), int(a.Partition-b.Partition))
	})
	pairs := [][2]any{}
	for _, one := range places {
		pairs = append(pairs, [2]any{one.Topic, one.Partition})
	}
	return pairs, nil
}

func (m *member) receive(ctx context.Context, count int) ([]record, error) {
	if err := m.await(ctx, func() bool { return len(m.delivered) >= count }); err != nil {
		return nil, err
	}
	defer m.lock.Unlock()
	received := slices.Clone(m.delivered[:count])
	m.delivered = m.delivered[count:]
	slices.SortFunc(received, func(a, b *kgo.Record) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), int(a.Partition-b.Partition), int(a.Offset-b.Offset))
	})
	records := []record{}
	for _, one := range received {
		records = append(records, fromKafka(one))
	}
	return records, nil
}

func (m *member) commit(ctx context.Context, offsets []place) error {
	wanted := map[string]map[int32]kgo.EpochOffset{}
	for _, one := range offsets {
		if wanted[one.Topic] == nil {
			wanted[one.Topic] = map[int32]kgo.EpochOffset{}
		}
		wanted[one.Topic][one.Partition] = kgo.EpochOffset{Epoch: -1, Offset: one.Offset}
	}
	var failed error
	onDone := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		failed = err
		if err != nil {
			return
		}
		for _, topic := range response.Topics {
			for _, partition := range topic.Partitions {
				failed = errors.Join(failed, kerr.ErrorForCode(partition.ErrorCode))
			}
		}
	}
	m.kafka.CommitOffsetsSync(ctx, wanted, onDone)
	return failed
}

func (m *member) leave() {
	m.end()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := m.kafka.LeaveGroupContext(ctx); err != nil {
		log.Print("leaving: ", err)
	}
	m.kafka.Close()
}

// abandon falls silent, as if the host had lost the network: nothing more is sent, so no LeaveGroup either.
func (m *member) abandon() {
	m.lock.Lock()
	m.isCut = true
	for _, one := range m.connections {
		one.Close()
	}
	m.lock.Unlock()
	go m.leave()
}

func (m *member) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.isCut {
		connection.Close()
		return nil, net.ErrClosed
	}
	m.connections = append(m.connections, connection)
	return connection, nil
}

func (m *member) change(what func()) {
	m.lock.Lock()
	defer m.lock.Unlock()
	what()
	close(m.changed)
	m.changed = make(chan struct{})
}

// await holds the lock when the condition is met, and does not when it gives an error.
func (m *member) await(ctx context.Context, condition func() bool) error {
	m.lock.Lock()
	for !condition() {
		changed, failed := m.changed, m.failure
		state := timedOut("assigned: %v, %d were delivered", m.assigned, len(m.delivered))
		m.lock.Unlock()
		if failed != nil {
			return failed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return state
		}
		m.lock.Lock()
	}
	return nil
}

func eachPlace(partitions map[string][]int32, do func(place)) {
	for topic, numbers := range partitions {
		for _, number := range numbers {
			do(place{Topic: topic, Partition: number})
		}
	}
}
