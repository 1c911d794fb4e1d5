// Package ui holds the command that leads to the web console. The root command
// collects it. It speaks HTTP only.
package ui

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{"ui": meta.Factory(m, ui)}
}

func ui(*meta.Meta) *meta.Verb {
	var authenticate, show bool
	return &meta.Verb{
		Name: "ui", Args: "[<id>]", MaxArgs: 1,
		Summary: "Open the web console",
		Text:    "Opens the web console, or in it the page of a job, allocation, node or evaluation, which the start of its ID names.",
		Examples: []meta.Example{
			{Text: "Open the console", Line: meta.Binary + " ui"},
			{Text: "Only print where the page of a job is", Line: meta.Binary + " ui -show-url web"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&authenticate, "authenticate", false, "Log in with the ACL token of this command, by a link that works once.")
			fl.Bool(&show, "show-url", false, "Print the address instead of opening it.")
		},
		Predict: meta.Predict("all"),
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			address := strings.TrimSuffix(client.Address(), "/")
			if strings.HasPrefix(address, "unix:") {
				return fmt.Errorf("a browser cannot reach %s: name the agent's HTTP address with -address", address)
			}
			path := "/ui"
			if len(c.Args) > 0 {
				if path, err = page(ctx, c, client, c.Args[0]); err != nil {
					return err
				}
			}
			address += path
			if authenticate {
				secret, err := oneTime(ctx, client)
				if err != nil {
					return err
				}
				mark := "?"
				if strings.Contains(path, "?") {
					mark = "&"
				}
				address += mark + "ott=" + url.QueryEscape(secret)
			}
			if show {
				c.Print(address)
				return nil
			}
			c.Printf("Opening URL %q", address)
			if err := c.OpenBrowser(address); err != nil {
				return fmt.Errorf("the page could not be opened, open it by hand: %w", err)
			}
			return nil
		},
	}
}

// oneTime is the secret of a token that can be exchanged once.
func oneTime(ctx context.Context, client *apiclient.Client) (string, error) {
	reply, _, err := apiclient.Post[struct {
		OneTimeToken struct{ OneTimeSecretID string }
	}](ctx, client, "/v1/acl/token/onetime", nil, nil)
	if err != nil {
		return "", fmt.Errorf("asking for a one-time token: %w", err)
	}
	return reply.OneTimeToken.OneTimeSecretID, nil
}

// page is the path of the page of what an ID means.
func page(ctx context.Context, c *meta.Call, client *apiclient.Client, prefix string) (string, error) {
	found, err := meta.Search(ctx, client, prefix, "all")
	if err != nil {
		return "", fmt.Errorf("looking for %q: %w", prefix, err)
	}
	kind, id, err := choose(found, prefix)
	if err != nil {
		return "", err
	}
	switch kind {
	case "jobs":
		return meta.ConsolePath("jobs", id+"@"+c.Namespace()), nil
	case "allocs":
		return meta.ConsolePath("allocations", id), nil
	case "nodes":
		return meta.ConsolePath("clients", id), nil
	case "evals":
		return "/ui/evaluations?currentEval=" + url.QueryEscape(id), nil
	case "deployment":
		d, _, err := apiclient.Get[*nl.Deployment](ctx, client, "/v1/deployment/"+id, nil)
		if err != nil {
			return "", fmt.Errorf("reading deployment %s: %w", id, err)
		}
		return meta.ConsolePath("jobs", d.JobID+"@"+d.Namespace, "deployments"), nil
	}
	return "", fmt.Errorf("the console has no page for %q of kind %s", id, kind)
}

// choose takes the only match, or the only one that is exact.
func choose(found nl.SearchResponse, prefix string) (kind, id string, err error) {
	var all, exact [][2]string
	for _, k := range render.Keys(found.Matches) {
		for _, match := range found.Matches[k] {
			all = append(all, [2]string{k, match})
			if match == prefix {
				exact = append(exact, [2]string{k, match})
			}
		}
	}
	if len(exact) == 1 {
		all = exact
	}
	switch len(all) {
	case 0:
		return "", "", fmt.Errorf("nothing with an ID that starts with %q was found", prefix)
	case 1:
		return all[0][0], all[0][1], nil
	}
	t := render.NewTable("Kind", "ID")
	for _, m := range all {
		t.Row(m[0], m[1])
	}
	return "", "", &meta.MatchError{Text: fmt.Sprintf("prefix %q matches several things\n\n%s", prefix, t)}
}
