// Charges each placed order at the payment gateway.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
)

// OrderPlaced is the event of the topic order-events; Amount is in cents.
type OrderPlaced struct {
	EventID  string `json:"event_id"`
	OrderID  string `json:"order_id"`
	Customer string `json:"customer"`
	Amount   int64  `json:"amount"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	settings, err := settingsFromEnvironment()
	if err != nil {
		return err
	}
	database, err := pgxpool.New(ctx, settings.databaseURL)
	if err != nil {
		return err
	}
	defer database.Close()
	payments := &Payments{database: database, gateway: NewGateway(settings.gatewayURL), dedup: settings.dedup}

	client, err := kgo.NewClient(
		kgo.SeedBrokers(settings.brokers...),
		kgo.ConsumerGroup("payments"),
		kgo.ConsumeTopics("order-events"),
		// A new group also sees what was published before it first committed.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	consume(ctx, client, payments)
	return nil
}

// consume commits the offsets of a poll when all of its records are handled. So none is lost, and all of a poll may come
// again.
func consume(ctx context.Context, client *kgo.Client, payments *Payments) {
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(topic string, partition int32, err error) {
			if ctx.Err() == nil {
				log.Printf("%s/%d: %v", topic, partition, err)
			}
		})
		fetches.EachRecord(func(record *kgo.Record) { handle(ctx, record, payments) })
		if err := client.CommitUncommittedOffsets(ctx); err != nil && ctx.Err() == nil {
			log.Printf("commit: %v", err)
		}
	}
}

// handle tries until it succeeds, or until the service ends: an order that is passed over is never paid.
func handle(ctx context.Context, record *kgo.Record, payments *Payments) {
	var order OrderPlaced
	if err := json.Unmarshal(record.Value, &order); err != nil {
		log.Printf("%s/%d@%d is no order: %v", record.Topic, record.Partition, record.Offset, err)
		return
	}
	for ctx.Err() == nil {
		err := payments.Pay(ctx, order)
		if err == nil {
			return
		}
		log.Printf("order %s: %v", order.OrderID, err)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}
