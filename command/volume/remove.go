package volume

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func remove(*meta.Meta) *meta.Verb {
	var kind string
	var force bool
	var secrets []string
	return &meta.Verb{
		Name: "volume delete", Args: "<volume>", MinArgs: 1, MaxArgs: 1,
		Summary: "Delete a volume and its data",
		Text:    "Deletes a volume and what is in it. A volume in use is not deleted.",
		Examples: []meta.Example{
			{Text: "A host volume", Line: meta.Binary + " volume delete -type host 9ffe12a4"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Choice(&kind, "type", nl.VolumeTypeCSI, []string{nl.VolumeTypeCSI, nl.VolumeTypeHost}, "The type of the volume. Default: csi.")
			fl.Bool(&force, "force", false, "Forget a host volume although it is in use or its node does not answer.")
			fl.Strings(&secrets, "secret", "<key>=<value>", "A secret for the CSI plugin; may be given several times.")
		},
		Predict: meta.Predict("volumes"),
		Do: func(ctx context.Context, c *meta.Call) error {
			var path, id string
			q := &apiclient.Query{}
			if kind == nl.VolumeTypeHost {
				v, err := findHost(ctx, c, &statusFlags{})
				if err != nil {
					return err
				}
				id, path, q.Namespace = v.ID, hostPath(v.ID)+"/delete", v.Namespace
				q.Params = map[string]string{"force": fmt.Sprint(force)}
			} else {
				id, path = c.Args[0], csiPath(c.Args[0])+"/delete"
				if len(secrets) > 0 {
					q.Headers = map[string]string{"X-Nomad-CSI-Secrets": strings.Join(secrets, ",")}
				}
			}
			return send(ctx, c, path, q, "deleting volume "+id, fmt.Sprintf("Successfully deleted volume %q!", id))
		},
	}
}

// send sends a DELETE and says that it was done.
func send(ctx context.Context, c *meta.Call, path string, q *apiclient.Query, doing, done string) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	if _, err := client.Call(ctx, http.MethodDelete, path, nil, nil, q); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	c.Print(done)
	return nil
}

func deregister(*meta.Meta) *meta.Verb {
	var force bool
	return &meta.Verb{
		Name: "volume deregister", Args: "<volume>", MinArgs: 1, MaxArgs: 1,
		Summary: "Forget a CSI volume",
		Text:    "Forgets a CSI volume, whose data stay where they are.",
		Examples: []meta.Example{
			{Text: "A volume that nobody uses", Line: meta.Binary + " volume deregister data"},
		},
		Flags:   func(fl *meta.Flags) { fl.Bool(&force, "force", false, "Forget it although it is in use.") },
		Predict: meta.Predict("volumes"),
		Do: func(ctx context.Context, c *meta.Call) error {
			id := c.Args[0]
			q := &apiclient.Query{Params: map[string]string{"force": fmt.Sprint(force)}}
			return send(ctx, c, csiPath(id), q, "deregistering volume "+id, fmt.Sprintf("Successfully deregistered volume %q!", id))
		},
	}
}

func detach(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "volume detach", Args: "<volume> <node>", MinArgs: 2, MaxArgs: 2,
		Summary: "Take a CSI volume from a node",
		Text:    "Ends the claims that allocations of a node have on a CSI volume.",
		Examples: []meta.Example{
			{Text: "After a node was lost", Line: meta.Binary + " volume detach data 86ed03e6"},
		},
		Predict: meta.Predict("volumes"),
		Do: func(ctx context.Context, c *meta.Call) error {
			id := c.Args[0]
			n, err := c.Node(ctx, c.Args[1])
			if err != nil {
				return err
			}
			q := &apiclient.Query{Params: map[string]string{"node": n.ID}}
			return send(ctx, c, csiPath(id)+"/detach", q, "detaching volume "+id, fmt.Sprintf("Detached volume %q from node %s", id, n.ID))
		},
	}
}

func claimTable(all []*nl.TaskGroupHostVolumeClaim, verbose bool) string {
	t := render.NewTable("ID", "Namespace", "Job ID", "Volume ID", "Volume Name")
	for _, k := range all {
		t.Row(render.ID(k.ID, verbose), k.Namespace, k.JobID, render.ID(k.VolumeID, verbose), k.VolumeName)
	}
	return t.String()
}

func claimList(*meta.Meta) *meta.Verb {
	var job, group, volume string
	var verbose bool
	return &meta.Verb{
		Name: "volume claim list", Args: "[<claim>]", MaxArgs: 1,
		Summary: "List claims on host volumes",
		Text:    "Lists which host volumes groups keep coming back to.",
		Examples: []meta.Example{
			{Text: "Those of a job", Line: meta.Binary + " volume claim list -job db"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&job, "job", "", "<job>", "Only claims of this job.")
			fl.String(&group, "group", "", "<group>", "Only claims of this group.")
			fl.String(&volume, "volume-name", "", "<name>", "Only claims on volumes of this name.")
			fl.Verbose(&verbose)
			fl.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{Params: map[string]string{"job_id": job, "task_group": group, "volume_name": volume}}
			if len(c.Args) > 0 {
				q.Prefix = c.Args[0]
			}
			all, _, err := apiclient.Get[[]*nl.TaskGroupHostVolumeClaim](ctx, client, claimsPath, q)
			if err != nil {
				return fmt.Errorf("listing claims: %w", err)
			}
			if done, err := c.PrintStructured(all); done {
				return err
			}
			if len(all) == 0 {
				c.Print("No claims found")
				return nil
			}
			c.Print(claimTable(all, verbose))
			return nil
		},
	}
}

func claimDelete(*meta.Meta) *meta.Verb {
	var yes bool
	return &meta.Verb{
		Name: "volume claim delete", Args: "<claim>", MinArgs: 1, MaxArgs: 1,
		Summary: "Delete a claim on a host volume",
		Text:    "Lets the group of a claim use other volumes. The volume and its data stay.",
		Examples: []meta.Example{
			{Text: "A claim", Line: meta.Binary + " volume claim delete 8330171e"},
		},
		Flags: func(fl *meta.Flags) { fl.Bool(&yes, "y", false, "Do not ask.") },
		Do: func(ctx context.Context, c *meta.Call) error {
			found, err := meta.Name(ctx, c, c.Args[0], meta.Kind[*nl.TaskGroupHostVolumeClaim]{
				What: "claim", Path: claimsPath,
				ID:    func(k *nl.TaskGroupHostVolumeClaim) string { return k.ID },
				Table: func(all []*nl.TaskGroupHostVolumeClaim) string { return claimTable(slices.Clone(all), true) },
			})
			if err != nil {
				return err
			}
			if !yes {
				if ok, err := c.Confirm(fmt.Sprintf("Are you sure you want to delete claim %s of job %q?", found.ID, found.JobID)); err != nil || !ok {
					return err
				}
			}
			q := &apiclient.Query{Namespace: found.Namespace}
			return send(ctx, c, "/v1/volumes/claim/"+found.ID, q, "deleting claim "+found.ID, fmt.Sprintf("Claim %s deleted", found.ID))
		},
	}
}
