package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Gateway is the payment gateway: a charge is accepted with 2xx, anything else is an error.
type Gateway struct {
	url    string
	client *http.Client
}

// NewGateway is the gateway at this address.
func NewGateway(url string) *Gateway {
	return &Gateway{url: url, client: &http.Client{Timeout: 10 * time.Second}}
}

// Charge takes the money for an order. With a key, a repeated call charges once.
func (g *Gateway) Charge(ctx context.Context, order OrderPlaced, idempotencyKey string) error {
	body, err := json.Marshal(map[string]any{"order_id": order.OrderID, "amount": order.Amount})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+"/charges", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if idempotencyKey != "" {
		request.Header.Set("Idempotency-Key", idempotencyKey)
	}
	response, err := g.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Read to its end, so that the connection is used again.
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the gateway answered %d", response.StatusCode)
	}
	return nil
}
