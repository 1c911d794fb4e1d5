package http

import (
	"context"
	"encoding/json"
	web "net/http"
	"strconv"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// EventSource streams events: package events implements it.
type EventSource interface {
	// Subscribe streams what matches from the index on, in batches of one
	// commit, until ctx ends or the subscriber falls behind.
	Subscribe(ctx context.Context, topics map[string][]string, namespace string, index uint64) (<-chan *nl.Events, error)
}

func (a *API) eventRoutes() []route {
	return []route{{path: "/v1/event/stream", by: methods{"GET": eventStream}}}
}

// The pace of the event stream.
const (
	eventHeartbeat  = 30 * time.Second
	eventWriteLimit = 40 * time.Second // a subscriber that cannot take a write for so long is dropped
)

// eventTopics reads topic=Topic or topic=Topic:key.
func eventTopics(values []string) (map[string][]string, error) {
	if len(values) == 0 {
		return map[string][]string{"*": {"*"}}, nil
	}
	out := map[string][]string{}
	for _, v := range values {
		parts := strings.Split(v, ":")
		switch len(parts) {
		case 1:
			out[parts[0]] = append(out[parts[0]], "*")
		case 2:
			out[parts[0]] = append(out[parts[0]], parts[1])
		default:
			return nil, bad("Invalid topic query: error parsing topics: Invalid key value pair for topic, topic: %s", v)
		}
	}
	return out, nil
}

func eventStream(r *request) (any, error) {
	q := r.URL.Query()
	var index uint64
	if v := q.Get("index"); v != "" {
		var err error
		if index, err = strconv.ParseUint(v, 10, 64); err != nil {
			return nil, bad("Unable to parse index: %v", err)
		}
	}
	topics, err := eventTopics(q["topic"])
	if err != nil {
		return nil, err
	}
	if r.api.cfg.ACLEnabled {
		return nil, nl.ErrPermissionDenied
	}
	if r.api.cfg.Events == nil {
		return nil, nl.Errorf(nl.CodeUnsupported, "the event stream is served by servers; ask one")
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	events, err := r.api.cfg.Events.Subscribe(ctx, topics, r.write().Namespace, index)
	if err != nil {
		return nil, err
	}
	h := r.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	h.Set("Connection", "close")
	h.Set("Transfer-Encoding", "identity") // the body ends with the connection
	flush := web.NewResponseController(r.w)
	send := func(line []byte) bool {
		flush.SetWriteDeadline(r.api.cfg.Now().Add(eventWriteLimit))
		_, err := r.w.Write(append(line, '\n'))
		return err == nil && flush.Flush() == nil
	}
	if !send([]byte("{}")) {
		return written, nil
	}
	beat := time.NewTicker(eventHeartbeat)
	defer beat.Stop()
	for {
		line := []byte("{}")
		select {
		case <-ctx.Done():
			return written, nil
		case <-beat.C:
		case ev, ok := <-events:
			if !ok {
				return written, nil
			}
			if line, err = json.Marshal(ev); err != nil {
				r.api.cfg.Logger.Error("event not encoded", "index", ev.Index, "error", err)
				return written, nil
			}
		}
		if !send(line) {
			return written, nil
		}
	}
}
