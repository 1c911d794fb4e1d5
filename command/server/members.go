package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func members(*meta.Meta) *meta.Verb {
	var detailed, verbose, ui bool
	return &meta.Verb{
		Name: "server members", Summary: "List the servers",
		Text: "Lists the servers of the gossip pool, of all regions, as the agent that is asked sees them.",
		Examples: []meta.Example{
			{Text: "The servers with all that they say of themselves", Line: meta.Binary + " server members -verbose"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&detailed, "detailed", false, "Show the tags of the servers too.")
			fl.Verbose(&verbose)
			fl.UI(&ui)
			fl.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			pool, _, err := apiclient.Get[*nl.ServerMembersResponse](ctx, client, "/v1/agent/members", nil)
			if err != nil {
				return fmt.Errorf("listing servers: %w", err)
			}
			slices.SortFunc(pool.Members, func(a, b *nl.ServerMember) int { return strings.Compare(a.Name, b.Name) })
			if done, err := c.PrintStructured(pool.Members); done {
				return err
			}
			if len(pool.Members) == 0 {
				c.Print("No known servers")
				return nil
			}
			leaders, problems := leaders(ctx, client, pool.Members)
			c.Print(memberTable(pool.Members, leaders, detailed || verbose))
			for _, p := range problems {
				c.Warn(p)
			}
			c.Hint(ctx, "View all servers in the web console", meta.ConsolePath("servers"), ui)
			if len(problems) > 0 {
				return meta.Exit(1)
			}
			return nil
		},
	}
}

// leaders are the RPC addresses of the regions' leaders. A region without one
// is a problem to tell.
func leaders(ctx context.Context, client *apiclient.Client, pool []*nl.ServerMember) (addrs map[string]bool, problems []string) {
	regions := map[string]bool{}
	for _, m := range pool {
		regions[m.Tags["region"]] = true
	}
	addrs = map[string]bool{}
	for _, region := range render.Keys(regions) {
		leader, _, err := apiclient.Get[string](ctx, client, "/v1/status/leader", &apiclient.Query{Region: region})
		switch {
		case err != nil && apiclient.CodeOf(err) == http.StatusForbidden:
			problems = append(problems, fmt.Sprintf("The leader of region %q is not known: %v", region, err))
		case err != nil:
			problems = append(problems, fmt.Sprintf("Region %q has no leader, or it cannot be reached: %v", region, err))
		case leader == "":
			problems = append(problems, fmt.Sprintf("Region %q has no leader.", region))
		default:
			addrs[leader] = true
		}
	}
	return addrs, problems
}

func memberTable(pool []*nl.ServerMember, leaders map[string]bool, verbose bool) string {
	t := render.NewTable("Name", "Address", "Port", "Status", "Leader", render.If(verbose, "Protocol"),
		"Raft Version", "Build", "Datacenter", "Region", render.If(verbose, "Tags"))
	for _, m := range pool {
		leader := leaders[net.JoinHostPort(m.Addr, m.Tags["port"])] || leaders[net.JoinHostPort(m.Tags["rpc_addr"], m.Tags["port"])]
		t.Row(m.Name, m.Addr, strconv.FormatUint(m.Port, 10), m.Status, strconv.FormatBool(leader),
			strconv.FormatUint(m.ProtocolCur, 10), m.Tags["raft_vsn"], m.Tags["build"], m.Tags["dc"], m.Tags["region"], render.Map(m.Tags))
	}
	return t.String()
}
