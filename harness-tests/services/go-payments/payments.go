package main

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Payments charges orders and records them.
type Payments struct {
	database *pgxpool.Pool
	gateway  *Gateway
	dedup    Dedup
}

// Pay charges an order and records it, in one transaction of the database.
func (p *Payments) Pay(ctx context.Context, order OrderPlaced) error {
	return pgx.BeginFunc(ctx, p.database, func(tx pgx.Tx) error {
		key := ""
		if p.dedup == ByEventID {
			first, err := isFirst(ctx, tx, order)
			if err != nil || !first {
				return err
			}
			// The charge is not undone with the transaction. If that fails, or the process dies, the event comes
			// again, and then the key tells the gateway that it is the same charge.
			key = order.EventID
		}
		if err := p.gateway.Charge(ctx, order, key); err != nil {
			return err
		}
		return record(ctx, tx, order)
	})
}

// isFirst is where two deliveries at once meet: the second waits until the transaction of the first has ended.
func isFirst(ctx context.Context, tx pgx.Tx, order OrderPlaced) (bool, error) {
	tag, err := tx.Exec(ctx, "insert into handled_events (event_id) values ($1) on conflict do nothing", order.EventID)
	return tag.RowsAffected() == 1, err
}

func record(ctx context.Context, tx pgx.Tx, order OrderPlaced) error {
	_, err := tx.Exec(ctx,
		"insert into payments (order_id, customer, amount) values ($1, $2, $3) on conflict do nothing",
		order.OrderID, order.Customer, order.Amount)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx,
		`insert into customers (customer, spent) values ($1, $2)
		 on conflict (customer) do update set spent = customers.spent + excluded.spent`,
		order.Customer, order.Amount)
	return err
}
