package node

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// metaPath is the route of a node's metadata.
const metaPath = "/v1/client/metadata"

// declareNode adds the flag that names the node.
func declareNode(fl *meta.Flags, id *string) {
	fl.String(id, "node-id", "", "<node>", "The node, by the start of its ID. Default: the node of the agent that is asked.")
}

// onNode is the query for a node that may be left out.
func onNode(ctx context.Context, c *meta.Call, prefix string) (*apiclient.Query, error) {
	if prefix == "" {
		return nil, nil
	}
	stub, err := c.Node(ctx, prefix)
	if err != nil {
		return nil, err
	}
	return &apiclient.Query{Params: map[string]string{"node_id": stub.ID}}, nil
}

func metaApply(*meta.Meta) *meta.Verb {
	var id, unset string
	return &meta.Verb{
		Name: "node meta apply", Args: "[<key>=<value>...]", MaxArgs: meta.AnyArgs,
		Summary: "Set and remove metadata of a node",
		Text:    "Sets dynamic metadata of a node, and removes those named by -unset, static ones too. Jobs that need other nodes now are moved by their next evaluation only.",
		Examples: []meta.Example{
			{Text: "Set one value and remove another", Line: meta.Binary + " node meta apply -unset rack disks=fast"},
		},
		Flags: func(fl *meta.Flags) {
			declareNode(fl, &id)
			fl.String(&unset, "unset", "", "<key>[,<key>...]", "What to remove.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			changes := map[string]*string{}
			for _, key := range strings.Split(unset, ",") {
				if key = strings.TrimSpace(key); key != "" {
					changes[key] = nil
				}
			}
			for _, arg := range c.Args {
				key, value, ok := strings.Cut(arg, "=")
				if !ok || key == "" {
					return meta.Usagef("%q must look like key=value", arg)
				}
				changes[key] = &value
			}
			if len(changes) == 0 {
				return meta.Usagef("There is nothing to change: give key=value or -unset")
			}
			q, err := onNode(ctx, c, id)
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			body := struct{ Meta map[string]*string }{changes}
			if _, err := client.Call(ctx, http.MethodPost, metaPath, body, nil, q); err != nil {
				return fmt.Errorf("changing the metadata: %w", err)
			}
			return nil
		},
	}
}

func metaRead(*meta.Meta) *meta.Verb {
	var id string
	return &meta.Verb{
		Name:    "node meta read",
		Summary: "Show the metadata of a node",
		Text:    "Shows all metadata of a node, and which of them are static, from the agent's configuration, and which were set later.",
		Examples: []meta.Example{
			{Text: "The metadata of a node", Line: meta.Binary + " node meta read -node-id 4d2ba"},
		},
		Flags: func(fl *meta.Flags) {
			declareNode(fl, &id)
			fl.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			q, err := onNode(ctx, c, id)
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			all, _, err := apiclient.Get[*nl.NodeMetaResponse](ctx, client, metaPath, q)
			if err != nil {
				return fmt.Errorf("reading the metadata: %w", err)
			}
			if done, err := c.PrintStructured(all); done {
				return err
			}
			dynamic := map[string]string{}
			for k, v := range all.Dynamic {
				if dynamic[k] = "(removed)"; v != nil {
					dynamic[k] = *v
				}
			}
			for _, part := range []struct {
				title  string
				values map[string]string
			}{{"All Meta", all.Meta}, {"Dynamic Meta", dynamic}, {"Static Meta", all.Static}} {
				body := mapRows(part.values)
				if body == "" {
					body = "None"
				}
				c.Section(part.title, body)
			}
			return nil
		},
	}
}
