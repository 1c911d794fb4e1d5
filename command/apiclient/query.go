package apiclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Query selects and bounds a request. The zero value adds nothing.
type Query struct {
	Region    string // "" is the client's
	Namespace string // "" is the client's; "*" is all
	Token     string // "" is the client's

	Stale    bool
	MinIndex uint64        // block until the data is newer; 0 does not block
	MaxWait  time.Duration // bound on blocking; 0 leaves it to the agent

	Prefix    string
	Filter    string
	PerPage   int
	NextToken string
	Reverse   bool

	Params  map[string]string // whatever else the route takes
	Headers map[string]string
}

func (q *Query) fill(values url.Values) {
	set := func(key, value string) {
		if value != "" {
			values.Set(key, value)
		}
	}
	set("region", q.Region)
	set("namespace", q.Namespace)
	if q.Stale {
		values.Set("stale", "")
	}
	if q.MinIndex > 0 {
		values.Set("index", strconv.FormatUint(q.MinIndex, 10))
	}
	if q.MaxWait > 0 {
		values.Set("wait", strconv.FormatInt(q.MaxWait.Milliseconds(), 10)+"ms")
	}
	set("prefix", q.Prefix)
	set("filter", q.Filter)
	if q.PerPage > 0 {
		values.Set("per_page", strconv.Itoa(q.PerPage))
	}
	set("next_token", q.NextToken)
	if q.Reverse {
		values.Set("reverse", "true")
	}
	for k, v := range q.Params {
		values.Set(k, v)
	}
}

// Meta is what the headers of an answer tell.
type Meta struct {
	Index       uint64 // of the state that was read; 0 when the route has none
	LastContact time.Duration
	KnownLeader bool
	NextToken   string // where the next page starts; "" on the last
}

func metaOf(h http.Header) *Meta {
	index, _ := strconv.ParseUint(h.Get("X-Nomad-Index"), 10, 64)
	contact, _ := strconv.ParseInt(h.Get("X-Nomad-Lastcontact"), 10, 64)
	return &Meta{
		Index:       index,
		LastContact: time.Duration(contact) * time.Millisecond,
		KnownLeader: h.Get("X-Nomad-Knownleader") == "true",
		NextToken:   h.Get("X-Nomad-Nexttoken"),
	}
}

// StatusError is an answer other than success.
type StatusError struct {
	Code int
	Body string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("Unexpected response code: %d (%s)", e.Code, e.Body)
}

// CodeOf is the HTTP status of an error, 0 when there was no answer.
func CodeOf(err error) int {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}

// UnreachableError tells that no agent answered.
type UnreachableError struct {
	Address string
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no agent answers at %s: %v", e.Address, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }
