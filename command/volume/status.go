package volume

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// statusFlags are what narrows a list.
type statusFlags struct {
	kind, node, pool string
	short, verbose   bool
}

func (f *statusFlags) query(kind string) apiclient.Query {
	params := map[string]string{"type": kind}
	if f.node != "" {
		params["node_id"] = f.node
	}
	if f.pool != "" && kind == nl.VolumeTypeHost {
		params["node_pool"] = f.pool
	}
	return apiclient.Query{Params: params}
}

func (f *statusFlags) wants(kind string) bool { return f.kind == "" || f.kind == kind }

func status(*meta.Meta) *meta.Verb {
	var f statusFlags
	return &meta.Verb{
		Name: "volume status", Args: "[<volume>]", MaxArgs: 1,
		Summary: "List volumes or show one",
		Text:    "Lists volumes, or shows one with the allocations that use it.",
		Examples: []meta.Example{
			{Text: "All volumes", Line: meta.Binary + " volume status"},
			{Text: "One host volume", Line: meta.Binary + " volume status -type host 9ffe12a4"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Choice(&f.kind, "type", "", []string{nl.VolumeTypeHost, nl.VolumeTypeCSI}, "Only volumes of this type.")
			fl.String(&f.node, "node", "", "<node>", "Only volumes on this node.")
			fl.String(&f.pool, "node-pool", "", "<pool>", "Only host volumes in this node pool.")
			fl.Bool(&f.short, "short", false, "Show no allocations.")
			fl.Verbose(&f.verbose)
			fl.Output()
		},
		Predict: meta.Predict("volumes"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if len(c.Args) == 0 {
				return listAll(ctx, c, &f)
			}
			return one(ctx, c, &f)
		},
	}
}

func listAll(ctx context.Context, c *meta.Call, f *statusFlags) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	var hosts []*nl.HostVolumeStub
	var csi []*nl.CSIVolListStub
	if f.wants(nl.VolumeTypeHost) {
		q := f.query(nl.VolumeTypeHost)
		if hosts, _, err = apiclient.Get[[]*nl.HostVolumeStub](ctx, client, listPath, &q); err != nil {
			return fmt.Errorf("listing host volumes: %w", err)
		}
	}
	if f.wants(nl.VolumeTypeCSI) {
		q := f.query(nl.VolumeTypeCSI)
		if csi, _, err = apiclient.Get[[]*nl.CSIVolListStub](ctx, client, listPath, &q); err != nil {
			return fmt.Errorf("listing CSI volumes: %w", err)
		}
	}
	if done, err := c.PrintStructured(map[string]any{"HostVolumes": hosts, "CSIVolumes": csi}); done {
		return err
	}
	if len(hosts)+len(csi) == 0 {
		c.Print("No volumes found")
		return nil
	}
	show := func(title, table string) { c.Print(title + "\n" + table) }
	if len(hosts) > 0 {
		show("Dynamic Host Volumes", hostTable(hosts, f.verbose))
		show = c.Section
	}
	if len(csi) > 0 {
		show("Container Storage Interface", csiTable(csi))
	}
	return nil
}

func hostTable(all []*nl.HostVolumeStub, verbose bool) string {
	t := render.NewTable("ID", "Name", "Namespace", "Plugin ID", "Node ID", "Node Pool", "State")
	for _, v := range all {
		t.Row(render.ID(v.ID, verbose), v.Name, v.Namespace, v.PluginID, render.ID(v.NodeID, verbose), v.NodePool, v.State)
	}
	return t.String()
}

func csiTable(all []*nl.CSIVolListStub) string {
	t := render.NewTable("ID", "Name", "Namespace", "Plugin ID", "Schedulable", "Access Mode")
	for _, v := range all {
		t.Row(v.ID, v.Name, v.Namespace, v.PluginID, fmt.Sprint(v.Schedulable), v.AccessMode)
	}
	return t.String()
}

// findHost is the host volume that the start of an ID means.
func findHost(ctx context.Context, c *meta.Call, f *statusFlags) (*nl.HostVolumeStub, error) {
	return meta.Name(ctx, c, c.Args[0], meta.Kind[*nl.HostVolumeStub]{
		What: "host volume", Path: listPath, Query: f.query(nl.VolumeTypeHost),
		ID:    func(v *nl.HostVolumeStub) string { return v.ID },
		Table: func(all []*nl.HostVolumeStub) string { return hostTable(all, true) },
	})
}

func findCSI(ctx context.Context, c *meta.Call, f *statusFlags) (*nl.CSIVolListStub, error) {
	return meta.Name(ctx, c, c.Args[0], meta.Kind[*nl.CSIVolListStub]{
		What: "CSI volume", Path: listPath, Query: f.query(nl.VolumeTypeCSI),
		ID:    func(v *nl.CSIVolListStub) string { return v.ID },
		Table: csiTable,
	})
}

// one shows a volume; without a type it is looked for as both.
func one(ctx context.Context, c *meta.Call, f *statusFlags) error {
	if f.wants(nl.VolumeTypeHost) {
		found, err := findHost(ctx, c, f)
		if err == nil {
			return showHost(ctx, c, found, f)
		}
		if f.kind != "" {
			return err
		}
	}
	found, err := findCSI(ctx, c, f)
	if err != nil {
		if f.kind == "" {
			return fmt.Errorf("no volume with ID or prefix %q found", c.Args[0])
		}
		return err
	}
	return showCSI(ctx, c, found, f)
}

func showHost(ctx context.Context, c *meta.Call, found *nl.HostVolumeStub, f *statusFlags) error {
	client, err := c.Within("", found.Namespace)
	if err != nil {
		return err
	}
	v, _, err := apiclient.Get[*nl.HostVolume](ctx, client, hostPath(found.ID), nil)
	if err != nil {
		return fmt.Errorf("reading volume %s: %w", found.ID, err)
	}
	if done, err := c.PrintStructured(v); done {
		return err
	}
	capacity := ""
	if v.CapacityBytes > 0 {
		capacity = render.Bytes(uint64(v.CapacityBytes))
	}
	c.Print((&render.Pairs{}).Add("ID", v.ID).Add("Name", v.Name).Add("Namespace", v.Namespace).Add("Plugin ID", v.PluginID).
		Add("Node ID", v.NodeID).Add("Node Pool", v.NodePool).Add("Capacity", capacity).Add("State", v.State).Add("Host Path", v.HostPath).String())
	t := render.NewTable("Access Mode", "Attachment Mode")
	for _, k := range v.RequestedCapabilities {
		t.Row(k.AccessMode, k.AttachmentMode)
	}
	c.Section("Capabilities", t.String())
	users(c, v.Allocations, f)
	return nil
}

// csiVolume is a volume as the API shows it.
type csiVolume struct {
	nl.CSIVolume
	Allocations []*nl.AllocStub
}

func showCSI(ctx context.Context, c *meta.Call, found *nl.CSIVolListStub, f *statusFlags) error {
	client, err := c.Within("", found.Namespace)
	if err != nil {
		return err
	}
	v, _, err := apiclient.Get[*csiVolume](ctx, client, csiPath(found.ID), nil)
	if err != nil {
		return fmt.Errorf("reading volume %s: %w", found.ID, err)
	}
	if done, err := c.PrintStructured(v); done {
		return err
	}
	options, capacity := "", ""
	if m := v.MountOptions; m != nil {
		options = "fs_type: " + m.FSType + " flags: " + render.List(m.MountFlags)
	}
	if v.Capacity > 0 {
		capacity = render.Bytes(uint64(v.Capacity))
	}
	c.Print((&render.Pairs{}).Add("ID", v.ID).Add("Name", v.Name).Add("Namespace", v.Namespace).Add("External ID", v.ExternalID).
		Add("Plugin ID", v.PluginID).Add("Provider", v.Provider).Add("Version", v.ProviderVersion).Add("Capacity", capacity).
		Add("Schedulable", fmt.Sprint(v.Schedulable)).
		Add("Controllers Healthy", fmt.Sprint(v.ControllersHealthy)).Add("Controllers Expected", fmt.Sprint(v.ControllersExpected)).
		Add("Nodes Healthy", fmt.Sprint(v.NodesHealthy)).Add("Nodes Expected", fmt.Sprint(v.NodesExpected)).
		Add("Access Mode", v.AccessMode).Add("Attachment Mode", v.AttachmentMode).Add("Mount Options", options).String())
	if len(v.RequestedCapabilities) > 0 {
		t := render.NewTable("Access Mode", "Attachment Mode")
		for _, k := range v.RequestedCapabilities {
			t.Row(k.AccessMode, k.AttachmentMode)
		}
		c.Section("Capabilities", t.String())
	}
	if len(v.Topologies) > 0 {
		t := render.NewTable("Topology", "Segments")
		for i, one := range v.Topologies {
			text := ""
			for _, k := range render.Keys(one.Segments) {
				text += k + "=" + one.Segments[k] + " "
			}
			t.Row(fmt.Sprintf("%02d", i), text)
		}
		c.Section("Topologies", t.String())
	}
	users(c, v.Allocations, f)
	return nil
}

// users lists the allocations of a volume.
func users(c *meta.Call, allocs []*nl.AllocStub, f *statusFlags) {
	switch {
	case f.short:
	case len(allocs) == 0:
		c.Section("Allocations", "No allocations use the volume")
	default:
		c.Section("Allocations", c.AllocTable(allocs, f.verbose))
	}
}
