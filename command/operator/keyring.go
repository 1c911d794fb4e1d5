package operator

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func keyTable(keys []*nl.RootKeyMeta, verbose bool) string {
	t := render.NewTable("Key", "State", "Create Time", "Publish Time")
	for _, k := range keys {
		t.Row(render.ID(k.KeyID, verbose), k.State, render.Nanos(k.CreateTime), render.Nanos(k.PublishTime))
	}
	return t.String()
}

func keyringList(*meta.Meta) *meta.Verb {
	var verbose bool
	return &meta.Verb{
		Name: "operator root keyring list", Summary: "List the root keys",
		Text: "Lists the root keys and their states; never the keys themselves.",
		Examples: []meta.Example{
			{Text: "The keys with their full IDs", Line: meta.Binary + " operator root keyring list -verbose"},
		},
		Flags: func(fl *meta.Flags) { fl.Verbose(&verbose) },
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			keys, _, err := apiclient.Get[[]*nl.RootKeyMeta](ctx, client, "/v1/operator/keyring/keys", nil)
			if err != nil {
				return fmt.Errorf("listing the root keys: %w", err)
			}
			if len(keys) == 0 {
				c.Print("No keys")
				return nil
			}
			c.Print(keyTable(keys, verbose))
			return nil
		},
	}
}

func keyringRotate(*meta.Meta) *meta.Verb {
	var full, now, verbose bool
	var prepublish *time.Duration
	return &meta.Verb{
		Name: "operator root keyring rotate", Summary: "Make a new root key",
		Text: "Makes a new root key. With -now it is used at once; others may not know its public part yet and refuse identities that it signs. With -prepublish it is published first and used later.",
		Examples: []meta.Example{
			{Text: "Use a new key in an hour", Line: meta.Binary + " operator root keyring rotate -prepublish 1h"},
			{Text: "Use it now, and encrypt all variables anew", Line: meta.Binary + " operator root keyring rotate -now -full"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&full, "full", false, "Encrypt all variables with the new key, in the background.")
			fl.Bool(&now, "now", false, "Use the key at once.")
			fl.OptionalDuration(&prepublish, "prepublish", "<duration>", "Publish the key now and use it after this time.")
			fl.Verbose(&verbose)
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			if now == (prepublish != nil) {
				return meta.Usagef("Either -now or -prepublish must be given")
			}
			if full && prepublish != nil {
				return meta.Usagef("-full and -prepublish exclude each other")
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{Params: map[string]string{}}
			if full {
				q.Params["full"] = "true"
			}
			if prepublish != nil {
				q.Params["publish_time"] = strconv.FormatInt(c.Now().Add(*prepublish).UnixNano(), 10)
			}
			reply, _, err := apiclient.Put[struct{ Key *nl.RootKeyMeta }](ctx, client, "/v1/operator/keyring/rotate", nil, q)
			if err != nil {
				return fmt.Errorf("rotating the root key: %w", err)
			}
			if reply.Key != nil {
				c.Print(keyTable([]*nl.RootKeyMeta{reply.Key}, verbose))
			}
			return nil
		},
	}
}

func keyringRemove(*meta.Meta) *meta.Verb {
	var force bool
	return &meta.Verb{
		Name: "operator root keyring remove", Args: "<key>", MinArgs: 1, MaxArgs: 1,
		Summary: "Remove a root key",
		Text:    "Removes a root key that is no longer in use. The argument is its whole ID.",
		Examples: []meta.Example{
			{Text: "Remove a key", Line: meta.Binary + " operator root keyring remove 8b1b2a4e-5b25-4b5c-ae71-0b2a7e1bd9b6"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&force, "force", false, "Remove it even when something was encrypted or signed with it. Those variables are lost.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{Params: map[string]string{"force": strconv.FormatBool(force)}}
			if _, err := client.Call(ctx, http.MethodDelete, "/v1/operator/keyring/key/"+c.Args[0], nil, nil, q); err != nil {
				return fmt.Errorf("removing root key %s: %w", c.Args[0], err)
			}
			c.Printf("Removed encryption key %s", c.Args[0])
			return nil
		},
	}
}
