package job

import (
	"github.com/nomadlike/nomadlike/jobspec"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// hideSecrets takes the values of sensitive variables out of a difference. Where
// a new value holds one, the old value is likely to hold the one before it.
func hideSecrets(d *nl.JobDiff, secrets jobspec.Secrets) {
	if d == nil || len(secrets) == 0 {
		return
	}
	hideFields(d.Fields, secrets)
	hideObjects(d.Objects, secrets)
	for _, g := range d.TaskGroups {
		hideFields(g.Fields, secrets)
		hideObjects(g.Objects, secrets)
		for _, t := range g.Tasks {
			hideFields(t.Fields, secrets)
			hideObjects(t.Objects, secrets)
		}
	}
}

func hideObjects(objects []*nl.ObjectDiff, secrets jobspec.Secrets) {
	for _, o := range objects {
		hideFields(o.Fields, secrets)
		hideObjects(o.Objects, secrets)
	}
}

func hideFields(fields []*nl.FieldDiff, secrets jobspec.Secrets) {
	for _, f := range fields {
		if !secrets.In(f.Old) && !secrets.In(f.New) {
			continue
		}
		for _, value := range []*string{&f.Old, &f.New} {
			if *value != "" {
				*value = jobspec.Hidden
			}
		}
	}
}
