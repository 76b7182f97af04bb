package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// limit is the longest that anything may take.
const limit = 30 * time.Second

// failure is an answer that is not from the broker.
type failure struct{ name, detail string }

func (f failure) Error() string { return f.detail }

func timedOut(format string, arguments ...any) error {
	return failure{"TIMED_OUT_WAITING", fmt.Sprintf(format, arguments...)}
}

func badRequest(format string, arguments ...any) error {
	return failure{"BAD_REQUEST", fmt.Sprintf(format, arguments...)}
}

// nameOf gives the name of Kafka's protocol error, or what stands for an error that the library made up itself.
func nameOf(err error) string {
	var own failure
	var protocol *kerr.Error
	switch {
	case errors.As(err, &own):
		return own.name
	case errors.As(err, &protocol) && protocol.Code == kerr.NotLeaderForPartition.Code:
		// The one name that the library spells in its own way.
		return "NOT_LEADER_OR_FOLLOWER"
	case errors.As(err, &protocol):
		return protocol.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "TIMED_OUT_WAITING"
	default:
		return "REFUSED_BY_CLIENT"
	}
}
