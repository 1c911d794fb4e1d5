package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// stamps: what an entry changes carries its index, which is what those wait for
// who watch it; and what a thing is for ever stays as it was.
type stamps struct{}

func newStamps() Checker { return stamps{} }

func (stamps) Name() string { return "changes carry their index" }

// stamp is what is compared of a thing.
type stamp struct {
	what             string
	created, changed uint64
	fixed            string // what never changes
}

func (stamps) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for _, c := range applied.Changes {
		after, known := stampOf(c.After)
		if !known {
			continue
		}
		before, replaced := stampOf(c.Before)
		if !replaced {
			before = after
			before.created = applied.Index
		}
		switch {
		case after.changed != applied.Index:
			return fmt.Errorf("entry %d changed %s, which says it was changed at %d", applied.Index, after.what, after.changed)
		case after.created != before.created:
			return fmt.Errorf("%s was created at %d, and says at %d after entry %d", after.what, before.created, after.created, applied.Index)
		case after.fixed != before.fixed:
			return fmt.Errorf("%s was %s, and is %s after entry %d", after.what, before.fixed, after.fixed, applied.Index)
		}
	}
	return nil
}

func stampOf(v any) (stamp, bool) {
	switch v := v.(type) {
	case *nl.Alloc:
		if v != nil {
			return stamp{"allocation " + v.ID, v.CreateIndex, v.ModifyIndex, v.Name + " of " + v.Namespace + " on " + v.NodeID}, true
		}
	case *nl.Eval:
		if v != nil {
			return stamp{"evaluation " + v.ID, v.CreateIndex, v.ModifyIndex, "of " + v.Namespace + " and " + v.JobID}, true
		}
	case *nl.Deployment:
		if v != nil {
			return stamp{"deployment " + v.ID, v.CreateIndex, v.ModifyIndex, fmt.Sprintf("of %s version %d", v.JobID, v.JobVersion)}, true
		}
	}
	return stamp{}, false
}
