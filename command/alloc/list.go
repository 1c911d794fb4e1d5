package alloc

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// listTable is all allocations, of whatever job, newest first.
func listTable(allocs []*nl.AllocStub, namespaces, verbose bool, now time.Time) *render.Table {
	allocs = slices.Clone(allocs)
	slices.SortStableFunc(allocs, func(a, b *nl.AllocStub) int { return cmp.Compare(b.CreateIndex, a.CreateIndex) })
	t := render.NewTable("ID", render.If(verbose, "Eval ID"), "Node ID", render.If(verbose, "Node Name"), "Job ID",
		render.If(namespaces, "Namespace"), "Task Group", "Version", "Desired", "Status", "Created", "Modified")
	for _, a := range allocs {
		t.Row(render.ID(a.ID, verbose), render.ID(a.EvalID, verbose), render.ID(a.NodeID, verbose), a.NodeName, a.JobID, a.Namespace,
			a.TaskGroup, strconv.FormatUint(a.JobVersion, 10), a.DesiredStatus, a.ClientStatus,
			render.When(a.CreateTime, now, verbose), render.When(a.ModifyTime, now, verbose))
	}
	return t
}
