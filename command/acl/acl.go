// Package acl holds the commands of access control: policies, roles, tokens,
// and how people log in. The root collects them. They speak HTTP only; what a
// token may do is decided by the servers. Secrets are printed where a person
// asked for them and nowhere else.
package acl

import (
	"context"
	"fmt"
	"net/url"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Commands are the commands of this package by name.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	group := func(name, summary, text string, examples ...meta.Example) cli.CommandFactory {
		return meta.GroupFactory(m, meta.Group{Name: name, Summary: summary, Text: text, Examples: examples})
	}
	out := map[string]cli.CommandFactory{
		"acl": group("acl", "Say who may do what",
			"With access control on, every request carries a token. A token has policies, by itself or through roles; a policy says what may be done.",
			meta.Example{Text: "Make the first token of a cluster", Line: "nomadlike acl bootstrap"},
			meta.Example{Text: "Write a policy", Line: "nomadlike acl policy apply readonly readonly.policy.hcl"},
			meta.Example{Text: "Make a token with it", Line: "nomadlike acl token create -name ci -policy readonly"}),
		"acl policy":       group("acl policy", "Say what may be done", "A policy is a set of rules."),
		"acl token":        group("acl token", "Handle tokens", "A token is a secret that tells who somebody is."),
		"acl role":         group("acl role", "Bundle policies", "A role is a set of policies that tokens share."),
		"acl auth-method":  group("acl auth-method", "Say how people log in", "An auth method lets people and programs get a token from an identity they have elsewhere."),
		"acl binding-rule": group("acl binding-rule", "Say what those who log in may do", "A binding rule gives roles or policies to those whom an auth method knows."),
	}
	for _, verb := range []func(*meta.Meta) *meta.Verb{
		bootstrapVerb, loginVerb,
		policyApplyVerb, policyListVerb, policyInfoVerb, policyDeleteVerb, policySelfVerb,
		tokenCreateVerb, tokenUpdateVerb, tokenListVerb, tokenInfoVerb, tokenSelfVerb, tokenDeleteVerb,
		roleCreateVerb, roleUpdateVerb, roleListVerb, roleInfoVerb, roleDeleteVerb,
		methodCreateVerb, methodUpdateVerb, methodListVerb, methodInfoVerb, methodDeleteVerb,
		ruleCreateVerb, ruleUpdateVerb, ruleListVerb, ruleInfoVerb, ruleDeleteVerb,
	} {
		out[verb(m).Name] = meta.Factory(m, verb)
	}
	return out
}

// get reads one object.
func get[T any](ctx context.Context, c *meta.Call, what, path string) (T, error) {
	var none T
	client, err := c.Client()
	if err != nil {
		return none, err
	}
	v, _, err := apiclient.Get[T](ctx, client, path, nil)
	if err != nil {
		return none, fmt.Errorf("reading %s: %w", what, err)
	}
	return v, nil
}

// put writes one object and reads it back.
func put[T any](ctx context.Context, c *meta.Call, what, path string, in any) (T, error) {
	var none T
	client, err := c.Client()
	if err != nil {
		return none, err
	}
	v, _, err := apiclient.Put[T](ctx, client, path, in, nil)
	if err != nil {
		return none, fmt.Errorf("writing %s: %w", what, err)
	}
	return v, nil
}

// show prints an object, for programs or for people.
func show[T any](c *meta.Call, v T, text func(T) string) error {
	if done, err := c.PrintStructured(v); done {
		return err
	}
	c.Print(text(v))
	return nil
}

// listVerb is a command that lists objects.
func listVerb[T any](name, noun, path, none string, table func([]T) string) *meta.Verb {
	return &meta.Verb{
		Name: name, Summary: "List " + noun,
		Examples: []meta.Example{{Text: "List " + noun, Line: meta.Binary + " " + name}},
		Flags:    func(f *meta.Flags) { f.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			list, err := get[[]T](ctx, c, noun, path)
			if err != nil {
				return err
			}
			if done, err := c.PrintStructured(list); done {
				return err
			}
			if len(list) == 0 {
				c.Print(none)
				return nil
			}
			c.Print(table(list))
			return nil
		},
	}
}

// deleteVerb is a command that deletes an object.
func deleteVerb(name, noun, arg, path string) *meta.Verb {
	return &meta.Verb{
		Name: name, Args: "<" + arg + ">", MinArgs: 1, MaxArgs: 1,
		Summary:  "Delete " + noun,
		Examples: []meta.Example{{Text: "Delete " + noun, Line: meta.Binary + " " + name + " <" + arg + ">"}},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, "DELETE", path+url.PathEscape(c.Args[0]), nil, nil, nil); err != nil {
				return fmt.Errorf("deleting %s %q: %w", noun, c.Args[0], err)
			}
			c.Printf("Successfully deleted %q", c.Args[0])
			return nil
		},
	}
}

// infoVerb is a command that shows an object.
func infoVerb[T any](name, noun, arg, path string, text func(T) string) *meta.Verb {
	return &meta.Verb{
		Name: name, Args: "<" + arg + ">", MinArgs: 1, MaxArgs: 1,
		Summary:  "Show " + noun,
		Examples: []meta.Example{{Text: "Show " + noun, Line: meta.Binary + " " + name + " <" + arg + ">"}},
		Flags:    func(f *meta.Flags) { f.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			v, err := get[T](ctx, c, noun, path+url.PathEscape(c.Args[0]))
			if err != nil {
				return err
			}
			return show(c, v, text)
		},
	}
}

// tokenText shows a token, with its secret.
func tokenText(t *nl.Token) string {
	expires := "<none>"
	if !t.ExpirationTime.IsZero() {
		expires = render.Time(t.ExpirationTime.Local())
	}
	policies := render.List(t.Policies)
	if t.Type == managementType {
		policies = "n/a"
	}
	var kv render.Pairs
	out := kv.Add("Accessor ID", t.AccessorID).
		Add("Secret ID", t.SecretID).
		Add("Name", t.Name).
		Add("Type", t.Type).
		Add("Global", fmt.Sprint(t.Global)).
		Add("Create Time", render.Time(t.CreateTime.Local())).
		Add("Expiry Time", expires).
		Add("Create Index", fmt.Sprint(t.CreateIndex)).
		Add("Modify Index", fmt.Sprint(t.ModifyIndex)).
		Add("Policies", policies).String()
	out += "\n\nRoles\n"
	if len(t.Roles) == 0 {
		return out + render.None
	}
	table := render.NewTable("ID", "Name")
	for _, r := range t.Roles {
		table.Row(r.ID, r.Name)
	}
	return out + table.String()
}
