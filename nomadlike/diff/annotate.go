package diff

import (
	"slices"
	"strconv"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// What a difference forces, as clients know it.
const (
	ForcesCreate      = "forces create"
	ForcesDestroy     = "forces destroy"
	ForcesInPlace     = "forces in-place update"
	ForcesDestructive = "forces create/destroy update"
)

// Annotate writes into a difference what the scheduler wants to do about it,
// and what each change alone would force.
func Annotate(d *nomadlike.JobDiff, plan *nomadlike.PlanAnnotations) {
	if d == nil {
		return
	}
	for _, g := range d.TaskGroups {
		if plan != nil {
			annotateUpdates(g, plan.DesiredTGUpdates[g.Name])
		}
		annotateCount(g)
		for _, t := range g.Tasks {
			annotateTask(g, t)
		}
	}
}

func annotateUpdates(g *nomadlike.GroupDiff, u *nomadlike.DesiredUpdates) {
	if u == nil {
		return
	}
	g.Updates = map[string]uint64{}
	for name, n := range map[string]uint64{
		"ignore": u.Ignore, "create": u.Place, "destroy": u.Stop, "migrate": u.Migrate,
		"canary": u.Canary, "in-place update": u.InPlaceUpdate, "create/destroy update": u.DestructiveUpdate,
	} {
		if n > 0 {
			g.Updates[name] = n
		}
	}
}

func annotateCount(g *nomadlike.GroupDiff) {
	for _, f := range g.Fields {
		if f.Name != "Count" {
			continue
		}
		old, _ := strconv.Atoi(f.Old) // "" counts as none
		updated, _ := strconv.Atoi(f.New)
		switch {
		case updated > old:
			f.Annotations = append(f.Annotations, ForcesCreate)
		case updated < old:
			f.Annotations = append(f.Annotations, ForcesDestroy)
		}
	}
}

func annotateTask(g *nomadlike.GroupDiff, t *nomadlike.TaskDiff) {
	if t.Type == None {
		return
	}
	switch g.Type {
	case Added:
		t.Annotations = append(t.Annotations, ForcesCreate)
		return
	case Deleted:
		t.Annotations = append(t.Annotations, ForcesDestroy)
		return
	}
	kind := ForcesInPlace
	if slices.ContainsFunc(t.Fields, func(f *nomadlike.FieldDiff) bool { return f.Name != "KillTimeout" }) ||
		slices.ContainsFunc(t.Objects, destructive) {
		kind = ForcesDestructive
	}
	t.Annotations = append(t.Annotations, kind)
}

// destructive tells whether a changed object of a task is announced to replace
// it. Log settings are as soon as the difference mentions Disabled, changed or
// not.
func destructive(o *nomadlike.ObjectDiff) bool {
	switch o.Name {
	case "Service", "Constraint", "Affinity", "Spread":
		return false
	case "LogConfig":
		return slices.ContainsFunc(o.Fields, func(f *nomadlike.FieldDiff) bool { return f.Name == "Disabled" })
	}
	return true
}
