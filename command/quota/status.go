package quota

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func status(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "quota status", Args: "<quota>", MinArgs: 1, MaxArgs: 1,
		Summary: "Show a quota and what is used of it",
		Text:    "Shows the limits of a quota and what is used of them: used / limit, inf where there is none. Only the region that is asked knows what is used in it.",
		Examples: []meta.Example{
			{Text: "A quota", Line: meta.Binary + " quota status small"},
		},
		Flags:   func(fl *meta.Flags) { fl.Output() },
		Predict: meta.Predict("quotas"),
		Do: func(ctx context.Context, c *meta.Call) error {
			q, err := find(ctx, c)
			if err != nil {
				return err
			}
			usage, err := readUsage(ctx, c, q.Name)
			if err != nil {
				return err
			}
			if done, err := c.PrintStructured(inspection{q, usage}); done {
				return err
			}
			c.Print((&render.Pairs{}).Add("Name", q.Name).Add("Description", q.Description).
				Add("Limits", strconv.Itoa(len(q.Limits))).String())
			Show(c, q, usage)
			return nil
		},
	}
}

// Read is a quota with what is used of it.
func Read(ctx context.Context, client *apiclient.Client, name string) (*nl.QuotaSpec, *nl.QuotaUsage, error) {
	q, _, err := apiclient.Get[*nl.QuotaSpec](ctx, client, path(name), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("reading quota %q: %w", name, err)
	}
	usage, _, err := apiclient.Get[*nl.QuotaUsage](ctx, client, usagePath(name), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("reading what is used of quota %q: %w", name, err)
	}
	return q, usage, nil
}

// Show prints what is used of a quota, a section for what has other columns.
func Show(c *meta.Call, q *nl.QuotaSpec, usage *nl.QuotaUsage) {
	limits := render.NewTable("Region", "CPU Usage", "Core Usage", "Memory Usage", "Memory Max Usage", "Variables Usage")
	devices := render.NewTable("Region", "Device Name", "Device Usage")
	pools := render.NewTable("Region", "Node Pool", "CPU Usage", "Core Usage", "Memory Usage", "Memory Max Usage")
	poolDevices := render.NewTable("Region", "Node Pool", "Device Name", "Device Usage")
	for _, l := range q.Limits {
		used := usage.Used[base64.StdEncoding.EncodeToString(l.Hash)]
		limit, have := resourcesOf(l), resourcesOf(used)
		limits.Row(l.Region, of(have.CPU, limit.CPU), of(have.Cores, limit.Cores), of(have.MemoryMB, limit.MemoryMB),
			of(have.MemoryMaxMB, limit.MemoryMaxMB), of(variables(used), variables(l)))
		for _, d := range limit.Devices {
			devices.Row(l.Region, d.Name, ofDevice(d, have.Devices))
		}
		for _, p := range limit.NodePools {
			u := poolOf(have, p.NodePool)
			pools.Row(l.Region, p.NodePool, of(u.CPU, p.CPU), of(u.Cores, p.Cores), of(u.MemoryMB, p.MemoryMB), of(u.MemoryMaxMB, p.MemoryMaxMB))
			for _, d := range p.Devices {
				poolDevices.Row(l.Region, p.NodePool, d.Name, ofDevice(d, u.Devices))
			}
		}
	}
	section := func(title string, t *render.Table) {
		if t.Len() > 0 {
			c.Section(title, t.String())
		}
	}
	section("Quota Limits", limits)
	section("Quota Device Limits", devices)
	section("Quota Node Pool Limits", pools)
	section("Quota Node Pool Device Limits", poolDevices)
}

func resourcesOf(l *nl.QuotaLimit) *nl.QuotaResources {
	if l == nil || l.RegionLimit == nil {
		return &nl.QuotaResources{}
	}
	return l.RegionLimit
}

func poolOf(r *nl.QuotaResources, name string) *nl.NodePoolLimit {
	for _, p := range r.NodePools {
		if p.NodePool == name {
			return p
		}
	}
	return &nl.NodePoolLimit{}
}

// variables is the size of variables, MB; nil when nothing is said.
func variables(l *nl.QuotaLimit) *int {
	if l == nil {
		return nil
	}
	if r := l.RegionLimit; r != nil && r.Storage != nil && r.Storage.VariablesMB != 0 {
		return &r.Storage.VariablesMB
	}
	return l.VariablesLimit
}

// of shows what is used of a limit. Of other regions nobody knows.
func of[T int | int64](used, limit *T) string {
	have, most := "-", "inf"
	if used != nil {
		have = fmt.Sprint(*used)
	}
	switch {
	case limit != nil && *limit > 0:
		most = fmt.Sprint(*limit)
	case limit != nil && *limit < 0:
		most = "0"
	}
	return have + " / " + most
}

func ofDevice(limit *nl.RequestedDevice, used []*nl.RequestedDevice) string {
	most := int64(limit.Count)
	for _, d := range used {
		if d.Name == limit.Name {
			have := int64(d.Count)
			return of(&have, &most)
		}
	}
	return of(nil, &most)
}
