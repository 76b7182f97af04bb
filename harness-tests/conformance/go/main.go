// A conformance client around franz-go: one request per line in, one answer per line out. See ../PROTOCOL.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// request is a line, with all that any of them may hold.
type request struct {
	Do             string          `json:"do"`
	Topic          string          `json:"topic"`
	Topics         []string        `json:"topics"`
	Partitions     int             `json:"partitions"`
	Partition      int32           `json:"partition"`
	Before         int64           `json:"before"`
	Offset         int64           `json:"offset"`
	Count          int             `json:"count"`
	Name           string          `json:"name"`
	At             json.RawMessage `json:"at"`
	Records        []record        `json:"records"`
	Acks           string          `json:"acks"`
	Idempotent     bool            `json:"idempotent"`
	Compression    string          `json:"compression"`
	OneBatch       bool            `json:"one_batch"`
	Isolation      string          `json:"isolation"`
	ID             string          `json:"id"`
	End            string          `json:"end"`
	Consumer       string          `json:"consumer"`
	Group          string          `json:"group"`
	Instance       string          `json:"instance"`
	SessionTimeout int64           `json:"session_timeout"`
	Assignor       string          `json:"assignor"`
	Offsets        []place         `json:"offsets"`
}

type place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

type client struct {
	address string
	admin   *kadm.Client
	members map[string]*member
}

// handler carries a request out; what it gives is anything that is JSON, or nil.
type handler func(context.Context, request) (any, error)

func (c *client) requests() map[string]handler {
	return map[string]handler{
		"create_topic":      c.createTopic,
		"delete_topic":      c.deleteTopic,
		"create_partitions": c.createPartitions,
		"delete_records":    c.deleteRecords,
		"describe_topic":    c.describeTopic,
		"describe_config":   c.describeConfig,
		"list_offsets":      c.listOffsets,
		"produce":           c.produce,
		"transaction":       c.transaction,
		"read":              c.read,
		"join":              c.join,
		"assignment":        c.assignment,
		"receive":           c.receive,
		"commit":            c.commit,
		"leave":             c.leave,
		"abandon":           c.abandon,
		"committed":         patient(c.committed),
		"reset":             patient(c.reset),
		"describe_group":    patient(c.describeGroup),
		"list_groups":       c.listGroups,
		"delete_group":      patient(c.deleteGroup),
	}
}

func (c *client) answer(line []byte) any {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return map[string]string{"error": "BAD_REQUEST", "detail": err.Error()}
	}
	carryOut, known := c.requests()[asked.Do]
	if !known {
		return map[string]string{"error": "BAD_REQUEST"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	result, err := carryOut(ctx, asked)
	if err != nil {
		return map[string]string{"error": nameOf(err), "detail": err.Error()}
	}
	return map[string]any{"ok": result}
}

func main() {
	address := os.Args[1]
	kafka, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		log.Fatal(err)
	}
	c := &client{address: address, admin: kadm.NewClient(kafka), members: map[string]*member{}}

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	answers := json.NewEncoder(os.Stdout)
	answers.SetEscapeHTML(false)
	for lines.Scan() {
		if err := answers.Encode(c.answer(lines.Bytes())); err != nil {
			log.Fatal(err)
		}
	}
	for _, m := range c.members {
		m.leave()
	}
	kafka.Close()
}
