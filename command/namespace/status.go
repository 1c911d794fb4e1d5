package namespace

import (
	"context"
	"net/http"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/quota"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// everything stands for a list of what is allowed that allows all.
const everything = "*"

func status(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "namespace status", Args: "<namespace>", MinArgs: 1, MaxArgs: 1,
		Summary: "Show a namespace",
		Text:    "Shows a namespace and what its jobs may use.",
		Examples: []meta.Example{
			{Text: "A namespace", Line: meta.Binary + " namespace status web"},
		},
		Flags:   func(fl *meta.Flags) { fl.Output() },
		Predict: meta.Predict("namespaces"),
		Do: func(ctx context.Context, c *meta.Call) error {
			n, err := find(ctx, c)
			if err != nil {
				return err
			}
			if done, err := c.PrintStructured(n); done {
				return err
			}
			show(c, n)
			return showQuota(ctx, c, n.Quota)
		},
	}
}

// showQuota shows what is used of the namespace's quota, to those who may see
// it.
func showQuota(ctx context.Context, c *meta.Call, name string) error {
	if name == "" {
		return nil
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	q, usage, err := quota.Read(ctx, client, name)
	switch apiclient.CodeOf(err) {
	case http.StatusForbidden, http.StatusNotFound, http.StatusNotImplemented:
		return nil
	}
	if err != nil {
		return err
	}
	quota.Show(c, q, usage)
	return nil
}

func show(c *meta.Call, n *nl.Namespace) {
	caps := n.Capabilities
	if caps == nil {
		caps = &nl.NamespaceCapabilities{}
	}
	enabled := func(list []string) string {
		if len(list) == 0 {
			return everything
		}
		return render.List(list)
	}
	c.Print((&render.Pairs{}).Add("Name", n.Name).Add("Description", n.Description).Add("Quota", n.Quota).
		AddIf(n.Weight != 0, "Weight", strconv.Itoa(n.Weight)).
		Add("Enabled Drivers", enabled(caps.EnabledTaskDrivers)).Add("Disabled Drivers", render.List(caps.DisabledTaskDrivers)).
		Add("Enabled Network Modes", enabled(caps.EnabledNetworkModes)).Add("Disabled Network Modes", render.List(caps.DisabledNetworkModes)).String())
	if len(n.Meta) > 0 {
		rows := &render.Pairs{}
		for _, k := range render.Keys(n.Meta) {
			rows.Add(k, n.Meta[k])
		}
		c.Section("Metadata", rows.String())
	}
	limits := func(title, preset string, allowed, denied []string) {
		c.Section(title, (&render.Pairs{}).Add("Default", preset).Add("Allowed", enabled(allowed)).Add("Denied", render.List(denied)).String())
	}
	if p := n.NodePoolConfiguration; p != nil {
		limits("Node Pool Configuration", p.Default, p.Allowed, p.Denied)
	}
	if v := n.VaultConfiguration; v != nil {
		limits("Vault Configuration", v.Default, v.Allowed, v.Denied)
	}
	if v := n.ConsulConfiguration; v != nil {
		limits("Consul Configuration", v.Default, v.Allowed, v.Denied)
	}
}
