package verify_test

import (
	"slices"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

// withVolume makes the job ask for a volume.
func (c *cluster) withVolume(kind, mode string) {
	c.apply(&op.RegisterJob{Job: &nl.Job{ID: "web", Name: "web", Namespace: "default", Type: "service", Priority: 50, NodePool: "default",
		TaskGroups: []*nl.Group{{Name: "g", Count: 1, Volumes: map[string]*nl.VolumeRequest{
			"v": {Name: "v", Type: kind, Source: "vol", AccessMode: mode, AttachmentMode: nl.AttachFileSystem},
		}}}}})
	if kind == nl.VolumeTypeCSI {
		c.apply(&op.UpsertCSIVolumes{Volumes: []*nl.CSIVolume{{ID: "vol", Namespace: "default", PluginID: "p"}}})
	}
}

func (c *cluster) rejects(p *nl.Plan, ahead ...*verify.Ahead) bool {
	p.SnapshotIndex = c.s.Index()
	accepted, _ := verify.Plan(c.s, ahead, p)
	return accepted != p
}

// TestPlan_Volumes decides plans on a state in which others have come first:
// writers of volumes that are for one.
func TestPlan_Volumes(t *testing.T) {
	for _, c := range []struct {
		name, kind, mode    string
		same, other, beside bool // a second writer on the node, on another, in the same plan is rejected
	}{
		{"one writer of a host volume", nl.VolumeTypeHost, nl.AccessSingleWriter, true, false, true},
		{"a host volume for several", nl.VolumeTypeHost, nl.AccessWriter, false, false, false},
		{"one writer of a CSI volume", nl.VolumeTypeCSI, nl.AccessNodesWriter, true, true, true},
		{"writers of a CSI volume anywhere", nl.VolumeTypeCSI, nl.AccessNodesWriters, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newCluster(t)
			k.withVolume(c.kind, c.mode)
			if got := k.rejects(k.plan(k.alloc("a", "n1", 10), k.alloc("b", "n1", 10))); got != c.beside {
				t.Errorf("two writers in one plan: rejected %t, want %t", got, c.beside)
			}
			var held verify.Ahead
			first := k.plan(k.alloc("first", "n1", 10))
			held.Add(store.PlanDelta(first, 1))
			for _, when := range []string{"while the first is on its way", "after it has arrived"} {
				if got := k.rejects(k.plan(k.alloc("c", "n1", 10)), &held); got != c.same {
					t.Errorf("%s, a writer on the same node: rejected %t, want %t", when, got, c.same)
				}
				if got := k.rejects(k.plan(k.alloc("d", "n2", 10)), &held); got != c.other {
					t.Errorf("%s, a writer on another node: rejected %t, want %t", when, got, c.other)
				}
				k.commit(first)
			}
			replaces := k.plan(k.alloc("e", "n1", 10))
			replaces.Stop = []nl.AllocStop{{AllocID: "first", NodeID: "n1"}}
			if k.rejects(replaces) {
				t.Error("a writer that replaces the first is rejected")
			}
		})
	}
}

// A volume that was deregistered meanwhile has no users.
func TestPlan_VolumeGone(t *testing.T) {
	c := newCluster(t)
	c.withVolume(nl.VolumeTypeCSI, nl.AccessNodesWriter)
	p := c.plan(c.alloc("a", "n1", 10))
	c.apply(&op.DeregisterCSIVolume{Namespace: "default", ID: "vol"})
	if !c.rejects(p) {
		t.Error("an allocation of a volume that is gone is accepted")
	}
}

// That a volume is in use elsewhere is no fault of the node; that it has no room
// is.
func TestPlan_VolumeIsNoFaultOfNodes(t *testing.T) {
	for _, test := range []struct {
		name   string
		memory int64
		want   []string
	}{{"in use", 10, nil}, {"in use, and no room", 2000, []string{"n2"}}} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			c.withVolume(nl.VolumeTypeCSI, nl.AccessNodesWriter)
			c.commit(c.plan(c.alloc("first", "n1", 10)))
			p := c.plan(c.alloc("a", "n2", test.memory))
			accepted, rejected := verify.Plan(c.s, nil, p)
			if accepted == p || len(accepted.Place)+len(accepted.Evals) > 0 {
				t.Errorf("something is left of the plan: %+v", accepted)
			}
			if !slices.Equal(rejected, test.want) {
				t.Errorf("rejected %q, want %q", rejected, test.want)
			}
		})
	}
}
