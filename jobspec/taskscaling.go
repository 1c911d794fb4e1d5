package jobspec

import "strings"

// taskScalingShape is the scaling block of a task, whose label says which
// resource it scales.
const taskScalingShape = "task_scaling"

// taskScaling sets the type of a task's scaling policy from its label; a type
// written out must be the same.
func (d *decoder) taskScaling(b scoped, out object) {
	var want string
	switch strings.ToLower(b.Labels[0]) {
	case "cpu":
		want = "vertical_cpu"
	case "mem":
		want = "vertical_mem"
	default:
		d.diags.add(problem(b.LabelRanges[0].Ptr(), "Invalid scaling policy name",
			"A task scales \"cpu\" or \"mem\", not %q.", b.Labels[0]))
		return
	}
	if typ := out["Type"]; typ != nil && typ != want {
		d.diags.add(problem(b.DefRange().Ptr(), "Invalid scaling policy type",
			"A scaling policy for %q has the type %q, not %q.", b.Labels[0], want, typ))
		return
	}
	out["Type"] = want
}

// duplicateScaling finds a second policy for one resource among those of a
// task.
func duplicateScaling(list []any, label string) bool {
	for _, e := range list {
		if p, ok := e.(object); ok && p["@label"] == label {
			return true
		}
	}
	return false
}
