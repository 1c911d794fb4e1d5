package namespace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/hashicorp/hcl/v2"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func apply(*meta.Meta) *meta.Verb {
	var quota, description *string
	var asJSON bool
	return &meta.Verb{
		Name: "namespace apply", Args: "<name or file>", MinArgs: 1, MaxArgs: 1,
		Summary: "Create or change a namespace",
		Text:    "Creates a namespace or changes it. The argument is its name, or a file that describes it; \"-\" reads standard input.",
		Examples: []meta.Example{
			{Text: "Create a namespace", Line: meta.Binary + ` namespace apply -description "Web team" web`},
			{Text: "From a file", Line: meta.Binary + " namespace apply web.nomad.hcl"},
		},
		Flags: func(fl *meta.Flags) {
			fl.OptionalString(&quota, "quota", "<quota>", "The quota of the namespace; empty for none.")
			fl.OptionalString(&description, "description", "<text>", "What the namespace is for.")
			fl.Bool(&asJSON, "json", false, "The file is JSON.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			n, err := wanted(ctx, c, client, asJSON, quota, description)
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, http.MethodPut, "/v1/namespace", n, nil, nil); err != nil {
				return fmt.Errorf("applying namespace %q: %w", n.Name, err)
			}
			c.Printf("Successfully applied namespace %q!", n.Name)
			return nil
		},
	}
}

// wanted is the namespace to be: what a file says, or what there is with the
// changes of the flags.
func wanted(ctx context.Context, c *meta.Call, client *apiclient.Client, asJSON bool, quota, description *string) (*nl.Namespace, error) {
	arg := c.Args[0]
	if arg == "" {
		return nil, meta.Usagef("The name of the namespace is empty")
	}
	if isFile(arg) {
		if quota != nil || description != nil {
			c.Warn("Flags are ignored when a file is applied.")
		}
		text, name, err := specfile.Read(arg, c.In)
		if err != nil {
			return nil, err
		}
		return parse(text, name, asJSON)
	}
	n, _, err := apiclient.Get[*nl.Namespace](ctx, client, path(arg), nil)
	if apiclient.CodeOf(err) == http.StatusNotFound {
		n, err = &nl.Namespace{Name: arg}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading namespace %q: %w", arg, err)
	}
	if quota != nil {
		n.Quota = *quota
	}
	if description != nil {
		n.Description = *description
	}
	return n, nil
}

// isFile tells a file from a name: it is there, or it is standard input.
func isFile(arg string) bool {
	if arg == specfile.Stdin {
		return true
	}
	info, err := os.Stat(arg)
	return err == nil && !info.IsDir()
}

// limits are what a namespace may use of something.
type limits struct {
	Default string   `hcl:"default,optional"`
	Allowed []string `hcl:"allowed,optional"`
	Denied  []string `hcl:"denied,optional"`
}

// file is a file with one namespace.
type file struct {
	Name        string `hcl:"name"`
	Description string `hcl:"description,optional"`
	Quota       string `hcl:"quota,optional"`
	Weight      int    `hcl:"weight,optional"`
	Meta        *struct {
		Values hcl.Body `hcl:",remain"`
	} `hcl:"meta,block"`
	Capabilities *struct {
		EnabledTaskDrivers   []string `hcl:"enabled_task_drivers,optional"`
		DisabledTaskDrivers  []string `hcl:"disabled_task_drivers,optional"`
		EnabledNetworkModes  []string `hcl:"enabled_network_modes,optional"`
		DisabledNetworkModes []string `hcl:"disabled_network_modes,optional"`
	} `hcl:"capabilities,block"`
	NodePool *limits `hcl:"node_pool_config,block"`
	Vault    *limits `hcl:"vault,block"`
	Consul   *limits `hcl:"consul,block"`
}

// parse reads the namespace of a file.
func parse(text []byte, name string, asJSON bool) (*nl.Namespace, error) {
	if asJSON {
		var n nl.Namespace
		if err := specfile.JSON(text, name, &n); err != nil {
			return nil, err
		}
		if n.Name == "" {
			return nil, errors.New(`the file names no namespace: set "Name"`)
		}
		return &n, nil
	}
	var f file
	if err := specfile.HCL(text, name, &f); err != nil {
		return nil, err
	}
	n := &nl.Namespace{Name: f.Name, Description: f.Description, Quota: f.Quota, Weight: f.Weight}
	if f.Meta != nil {
		var err error
		if n.Meta, err = specfile.Strings(f.Meta.Values, name); err != nil {
			return nil, err
		}
	}
	if k := f.Capabilities; k != nil {
		n.Capabilities = &nl.NamespaceCapabilities{EnabledTaskDrivers: k.EnabledTaskDrivers, DisabledTaskDrivers: k.DisabledTaskDrivers,
			EnabledNetworkModes: k.EnabledNetworkModes, DisabledNetworkModes: k.DisabledNetworkModes}
	}
	if l := f.NodePool; l != nil {
		n.NodePoolConfiguration = &nl.NamespaceNodePoolConfiguration{Default: l.Default, Allowed: l.Allowed, Denied: l.Denied}
	}
	if l := f.Vault; l != nil {
		n.VaultConfiguration = &nl.NamespaceVaultConfiguration{Default: l.Default, Allowed: l.Allowed, Denied: l.Denied}
	}
	if l := f.Consul; l != nil {
		n.ConsulConfiguration = &nl.NamespaceConsulConfiguration{Default: l.Default, Allowed: l.Allowed, Denied: l.Denied}
	}
	return n, nil
}
