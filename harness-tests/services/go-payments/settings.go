package main

import (
	"fmt"
	"os"
	"strings"
)

// Dedup is how a repeated delivery is recognised.
type Dedup string

const (
	// Never: every delivery charges.
	Never Dedup = "none"
	// ByEventID keeps the ids of handled events, in the transaction of the payment.
	ByEventID Dedup = "event-id"
)

type settings struct {
	brokers     []string
	databaseURL string
	gatewayURL  string
	dedup       Dedup
}

func settingsFromEnvironment() (settings, error) {
	var missing []string
	required := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	found := settings{
		brokers:     strings.Split(required("KAFKA_BROKERS"), ","),
		databaseURL: required("DATABASE_URL"),
		gatewayURL:  required("GATEWAY_URL"),
		dedup:       ByEventID,
	}
	if name := os.Getenv("DEDUP"); name != "" {
		found.dedup = Dedup(name)
	}
	if len(missing) > 0 {
		return found, fmt.Errorf("not set: %s", strings.Join(missing, ", "))
	}
	if found.dedup != Never && found.dedup != ByEventID {
		return found, fmt.Errorf("DEDUP is %s; there are %s and %s", found.dedup, Never, ByEventID)
	}
	return found, nil
}
