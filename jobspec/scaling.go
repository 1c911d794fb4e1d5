package jobspec

import "strings"

// Shapes of scaling blocks. That of a task has a label, which says what
// resource it scales.
const (
	groupScalingShape = "scaling"
	taskScalingShape  = "task_scaling"
)

// scalingType sets the type of a scaling policy from where it stands; a type
// that is written out must be the same.
func (d *decoder) scalingType(shape string, b scoped, out object) {
	want := "horizontal"
	if shape == taskScalingShape {
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
	}
	if typ := out["Type"]; typ != nil && typ != "" && typ != want {
		d.diags.add(problem(b.DefRange().Ptr(), "Invalid scaling policy type",
			"The scaling policy has the type %q here, not %q.", want, typ))
		return
	}
	out["Type"] = want
}

// duplicateScaling finds a second policy of one name among those of a task.
func duplicateScaling(list []any, label string) bool {
	for _, e := range list {
		if p, ok := e.(object); ok && p["@label"] == label {
			return true
		}
	}
	return false
}
