package operator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// checkRounds is how often the servers are asked until all have answered for
	// the same index.
	checkRounds = 20
	// checkEvery is how long to wait between.
	checkEvery = 250 * time.Millisecond
	// exitDiffers is the exit code when servers disagree.
	exitDiffers = 2
)

func check(*meta.Meta) *meta.Verb {
	var verbose bool
	return &meta.Verb{
		Name: "operator check", Args: "[<address>...]", MaxArgs: meta.AnyArgs,
		Summary: "Compare the states of all servers",
		Text: "Every server computes its state from the same log, so all must have the same. This command asks each of them for a hash of its state and compares those of the same index. It reads only, but takes some processor time on large clusters.\n" +
			"Servers are found through the agent that is asked; they are expected to serve HTTP on the same port as it. Where they do not, give their HTTP addresses.\n" +
			"Exits with 0 when all are equal, 2 when they are not and 1 when that could not be found out.",
		Examples: []meta.Example{
			{Text: "Compare all servers", Line: meta.Binary + " operator check"},
			{Text: "Compare two", Line: meta.Binary + " operator check http://10.0.0.7:4646 http://10.0.0.8:4646"},
		},
		Flags: func(fl *meta.Flags) { fl.Verbose(&verbose) },
		Do: func(ctx context.Context, c *meta.Call) error {
			servers, err := serversToCheck(ctx, c)
			if err != nil {
				return err
			}
			return compare(ctx, c, servers, verbose)
		},
	}
}

// fingerprint is what a server's state hashes to.
type fingerprint struct {
	Fingerprint string
	Index       uint64
}

// checked is a server that is asked.
type checked struct {
	name, address string
	client        *apiclient.Client
	seen          map[uint64]string // fingerprints by index
	last          fingerprint
	err           error
}

// serversToCheck are those of the arguments, or all members.
func serversToCheck(ctx context.Context, c *meta.Call) ([]*checked, error) {
	config, err := c.ClientConfig()
	if err != nil {
		return nil, err
	}
	var out []*checked
	add := func(name, address string) error {
		config.Address = address
		client, err := apiclient.New(config)
		out = append(out, &checked{name: name, address: address, client: client, seen: map[uint64]string{}})
		return err
	}
	if len(c.Args) > 0 {
		for _, address := range c.Args {
			if err := add(address, address); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	own, err := url.Parse(config.Address)
	if err != nil || own.Host == "" {
		return nil, fmt.Errorf("the servers' HTTP addresses cannot be told from %s: give them as arguments", config.Address)
	}
	pool, _, err := apiclient.Get[*nl.ServerMembersResponse](ctx, client, "/v1/agent/members", nil)
	if err != nil {
		return nil, fmt.Errorf("listing servers: %w", err)
	}
	for _, m := range pool.Members {
		if m.Status != "alive" || m.Tags["region"] != pool.ServerRegion && pool.ServerRegion != "" {
			continue
		}
		if err := add(m.Name, memberAddress(m, own)); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the agent knows no server")
	}
	slices.SortFunc(out, func(a, b *checked) int { return strings.Compare(a.name, b.name) })
	return out, distinct(out)
}

// distinct refuses servers that would be asked at one address: one of them
// would be compared with itself.
func distinct(servers []*checked) error {
	at := map[string]string{}
	for _, s := range servers {
		if other, taken := at[s.address]; taken {
			return fmt.Errorf("servers %s and %s are on one machine, so their HTTP addresses cannot be told: give them as arguments", other, s.name)
		}
		at[s.address] = s.name
	}
	return nil
}

// memberAddress is where a server serves HTTP: where it says so, or else like
// the agent that was asked.
func memberAddress(m *nl.ServerMember, own *url.URL) string {
	if host := m.Tags["http_addr"]; host != "" {
		return own.Scheme + "://" + host
	}
	if own.Port() == "" {
		return own.Scheme + "://" + m.Addr
	}
	return own.Scheme + "://" + net.JoinHostPort(m.Addr, own.Port())
}

// compare asks until every server has answered for one index.
func compare(ctx context.Context, c *meta.Call, servers []*checked, verbose bool) error {
	var index uint64
	for round := range checkRounds {
		if round > 0 {
			if err := c.Pause(ctx, checkEvery); err != nil {
				return err
			}
		}
		ask(ctx, servers)
		if index = commonIndex(servers); index > 0 || slices.ContainsFunc(servers, func(s *checked) bool { return s.err != nil }) {
			break
		}
	}
	prints := map[string]bool{}
	t := render.NewTable("Name", "Address", "Index", "Fingerprint")
	for _, s := range servers {
		s.client.Close()
		shown := s.last
		if index > 0 {
			shown = fingerprint{s.seen[index], index}
		}
		if s.err != nil {
			t.Row(s.name, s.address, "", "not known")
			continue
		}
		prints[shown.Fingerprint] = true
		t.Row(s.name, s.address, strconv.FormatUint(shown.Index, 10), render.ID(shown.Fingerprint, verbose))
	}
	c.Print(t.String())
	for _, s := range servers {
		if s.err != nil {
			c.Error(fmt.Sprintf("Server %s did not answer: %v", s.name, s.err))
		}
	}
	switch {
	case index > 0 && len(prints) > 1:
		c.Error(fmt.Sprintf("The servers disagree at index %d. Keep a snapshot of each (operator snapshot save -stale), then rebuild those that differ from the others.", index))
		return meta.Exit(exitDiffers)
	case index == 0:
		c.Error("The states could not be compared.")
		return meta.Exit(1)
	}
	c.Info(fmt.Sprintf("\n%s, one state at index %d", render.Count(len(servers), "server"), index))
	return nil
}

// ask asks all servers at the same time.
func ask(ctx context.Context, servers []*checked) {
	var wait sync.WaitGroup
	for _, s := range servers {
		wait.Go(func() {
			s.last, _, s.err = apiclient.Get[fingerprint](ctx, s.client, "/v1/status/fingerprint", nil)
			if s.err == nil {
				s.seen[s.last.Index] = s.last.Fingerprint
			}
		})
	}
	wait.Wait()
}

// commonIndex is the newest index that all servers have answered for, 0 when
// there is none.
func commonIndex(servers []*checked) uint64 {
	var newest uint64
	for index := range servers[0].seen {
		if index > newest && !slices.ContainsFunc(servers, func(s *checked) bool { return s.seen[index] == "" }) {
			newest = index
		}
	}
	return newest
}
