package node

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func poolApply(*meta.Meta) *meta.Verb {
	var asJSON bool
	return &meta.Verb{
		Name: "node pool apply", Args: "<file>", MinArgs: 1, MaxArgs: 1,
		Summary: "Create or change a node pool",
		Text:    "Creates the node pool that a file describes, or changes it to that. \"-\" reads standard input. The node pool init command writes an example.",
		Examples: []meta.Example{
			{Text: "Create a pool", Line: meta.Binary + " node pool apply pool.nomad.hcl"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&asJSON, "json", false, "The file is JSON.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			text, name, err := specfile.Read(c.Args[0], c.In)
			if err != nil {
				return err
			}
			pool, err := parsePool(text, name, asJSON)
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, "PUT", "/v1/node/pools", pool, nil, nil); err != nil {
				return fmt.Errorf("applying node pool %q: %w", pool.Name, err)
			}
			c.Printf("Successfully applied node pool %q!", pool.Name)
			return nil
		},
	}
}

// poolFile is a file with one pool.
type poolFile struct {
	Pools []struct {
		Name        string  `hcl:"name,label"`
		Description string  `hcl:"description,optional"`
		IdentityTTL *string `hcl:"node_identity_ttl"`
		Meta        *struct {
			Values hcl.Body `hcl:",remain"`
		} `hcl:"meta,block"`
		Scheduler *struct {
			Algorithm        string `hcl:"scheduler_algorithm,optional"`
			Oversubscription *bool  `hcl:"memory_oversubscription_enabled"`
		} `hcl:"scheduler_config,block"`
	} `hcl:"node_pool,block"`
}

// parsePool reads the one pool of a file.
func parsePool(text []byte, name string, asJSON bool) (*nl.NodePool, error) {
	if asJSON {
		var pool nl.NodePool
		if err := specfile.JSON(text, name, &pool); err != nil {
			return nil, err
		}
		if pool.Name == "" {
			return nil, fmt.Errorf("file %s names no node pool: set \"Name\"", name)
		}
		return &pool, nil
	}
	var f poolFile
	if err := specfile.HCL(text, name, &f); err != nil {
		return nil, err
	}
	if len(f.Pools) != 1 {
		return nil, fmt.Errorf("file %s has %d node_pool blocks: there must be one", name, len(f.Pools))
	}
	in := f.Pools[0]
	out := &nl.NodePool{Name: in.Name, Description: in.Description}
	if in.IdentityTTL != nil {
		ttl, err := time.ParseDuration(*in.IdentityTTL)
		if err != nil {
			return nil, fmt.Errorf("in %s: node_identity_ttl %q is no duration such as 24h", name, *in.IdentityTTL)
		}
		out.NodeIdentityTTL = ttl
	}
	if in.Meta != nil {
		var err error
		if out.Meta, err = specfile.Strings(in.Meta.Values, name); err != nil {
			return nil, err
		}
	}
	if s := in.Scheduler; s != nil {
		out.SchedulerConfiguration = &nl.NodePoolSchedulerConfiguration{SchedulerAlgorithm: s.Algorithm, MemoryOversubscriptionEnabled: s.Oversubscription}
	}
	return out, nil
}
