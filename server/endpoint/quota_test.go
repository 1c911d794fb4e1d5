package endpoint

import (
	"fmt"
	"strings"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/script"
)

// small is a quota of 500 MHz in the own region and 1 MHz elsewhere.
func small(name string) *nl.QuotaSpec {
	here, there := 500, 1
	return &nl.QuotaSpec{Name: name, Limits: []*nl.QuotaLimit{
		{Region: nl.DefaultRegion, RegionLimit: &nl.QuotaResources{CPU: &here, NodePools: []*nl.NodePoolLimit{{NodePool: "gpu"}}}},
		{Region: "elsewhere", RegionLimit: &nl.QuotaResources{CPU: &there}},
	}}
}

func (w *rules) quota(q *nl.QuotaSpec) error {
	var reply query.Written
	return w.e.quotaUpsert(w.t.Context(), &query.QuotaUpsert{WriteOptions: w.write(), Quota: q}, &reply)
}

func (w *rules) namespace(n *nl.Namespace) error {
	var reply query.Written
	return w.e.namespaceUpsert(w.t.Context(), &query.NamespaceUpsert{WriteOptions: w.write(), Namespace: n}, &reply)
}

func said(err error, texts ...string) error {
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			return fmt.Errorf("error %v does not say %q", err, text)
		}
	}
	return nil
}

func TestQuota(t *testing.T) {
	w := newRules(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	given := small("q")
	must(w.quota(given))
	if given.Limits[0].Hash != nil {
		t.Error("registering changed the request")
	}
	must(said(w.namespace(&nl.Namespace{Name: nl.DefaultNamespace, Quota: "none"}), `quota "none"`, "does not exist"))
	must(w.namespace(&nl.Namespace{Name: nl.DefaultNamespace, Quota: "q"}))
	w.apply(&op.RegisterNode{Node: &nl.Node{ID: "n", Status: nl.NodeStatusReady, NodePool: "gpu"}})
	if _, err := w.job(ctx, script.Line{Set: map[string]string{"type": "service"}}, "web"); err != nil {
		t.Fatal(err)
	}
	w.apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Place: []*nl.Alloc{{ID: "a", Namespace: nl.DefaultNamespace, JobID: "web", TaskGroup: "g",
		NodeID: "n", DesiredStatus: nl.AllocDesiredRun, AllocatedResources: &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{
			"t": {Cpu: nl.AllocatedCpuResources{CpuShares: 200}}}}}}}}})

	var usages query.QuotaUsagesReply
	must(w.e.quotaUsage(ctx, &query.QuotaGet{Name: "q"}, &usages))
	stored := w.snapshot().Quota("q")
	used := usages.Usages[0].Used
	limit := used[quota.UsedKey(stored.Limits[0])]
	if len(used) != 1 || limit == nil || *limit.RegionLimit.CPU != 200 || *limit.RegionLimit.NodePools[0].CPU != 200 || limit.Region != nl.DefaultRegion {
		t.Errorf("used: %+v", used)
	}
	if usages.Index != w.snapshot().QuotaLedger("q").ModifyIndex {
		t.Errorf("the usage is of index %d", usages.Index)
	}
	must(w.quota(small("other")))
	var list query.QuotasReply
	must(w.e.quotaList(ctx, &query.QuotaGet{QueryOptions: nl.QueryOptions{Prefix: "oth"}}, &list))
	if len(list.Quotas) != 1 || list.Quotas[0].Name != "other" {
		t.Errorf("list: %v", list.Quotas)
	}
	must(w.e.quotaUsageList(ctx, &query.QuotaGet{}, &usages))
	if len(usages.Usages) != 2 {
		t.Errorf("usages: %v", usages.Usages)
	}
	remove := func(name string) error {
		return w.e.quotaDelete(ctx, &query.Named{WriteOptions: w.write(), Name: name}, &query.Written{})
	}
	must(said(remove("q"), "in use", `"default"`))
	must(remove("other"))
	if err := remove("other"); nl.CodeOf(err) != nl.CodeNotFound {
		t.Errorf("deleting what is not there: %v", err)
	}
	must(w.e.quotaGet(ctx, &query.QuotaGet{Name: "other"}, &list))
	if len(list.Quotas) > 0 {
		t.Error("a deleted quota is still there")
	}

	// A namespace of an older state may name a quota that never was.
	w.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: nl.DefaultNamespace, Quota: "lost"}}})
	_, err := w.job(ctx, script.Line{Set: map[string]string{"type": "service"}}, "db")
	must(said(err, `quota "lost"`, "does not exist"))
}

func TestQuota_Refused(t *testing.T) {
	one := 1
	limit := func(r *nl.QuotaResources) []*nl.QuotaLimit {
		return []*nl.QuotaLimit{{Region: "global", RegionLimit: r}}
	}
	for _, test := range []struct {
		q    *nl.QuotaSpec
		says []string
	}{
		{&nl.QuotaSpec{Name: "a b", Description: strings.Repeat("x", 257)}, []string{"Name:", "Description:", "Limits: there is none"}},
		{&nl.QuotaSpec{Name: "q", Limits: []*nl.QuotaLimit{nil, {}, {Region: "r"}, {Region: "r"}}},
			[]string{"Limits[0]: is empty", "Limits[1].Region: missing", `Limits[3].Region: there is another limit for region "r"`}},
		{&nl.QuotaSpec{Name: "q", Limits: limit(&nl.QuotaResources{Devices: []*nl.RequestedDevice{nil, {Name: "a//b"}, {Name: "gpu"},
			{Name: "gpu", Constraints: []*nl.Constraint{{}}}}})},
			[]string{"Devices[0]: is empty", `Devices[1].Name: "a//b"`, `Devices[3].Name: "gpu" is limited twice`, "constraints and affinities"}},
		{&nl.QuotaSpec{Name: "q", Limits: limit(&nl.QuotaResources{NUMA: &nl.NUMA{}, Storage: &nl.QuotaStorageResources{HostVolumesMB: 1}})},
			[]string{"RegionLimit.NUMA", "HostVolumesMB"}},
		{&nl.QuotaSpec{Name: "q", Limits: limit(&nl.QuotaResources{NodePools: []*nl.NodePoolLimit{nil, {}, {NodePool: "all"}, {NodePool: "p"},
			{NodePool: "p", Storage: &nl.QuotaStorageResources{VariablesMB: 1}}}})},
			[]string{"NodePools[0]: is empty", "NodePools[1].NodePool", "NodePools[2].NodePool", "another limit for pool", "NodePools[4].Storage.VariablesMB"}},
		{&nl.QuotaSpec{Name: "q", Limits: []*nl.QuotaLimit{{Region: "global", VariablesLimit: &one,
			RegionLimit: &nl.QuotaResources{Storage: &nl.QuotaStorageResources{VariablesMB: 2}}}}}, []string{"contradicts VariablesLimit"}},
	} {
		w := newRules(t)
		err := w.quota(test.q)
		if e := said(err, test.says...); e != nil {
			t.Error(e)
		}
		if nl.CodeOf(err) != nl.CodeInvalid || w.snapshot().Quota(test.q.Name) != nil {
			t.Errorf("%v: code %d", err, nl.CodeOf(err))
		}
	}
}

func TestNamespace_Governance(t *testing.T) {
	for _, test := range []struct {
		n    *nl.Namespace
		says string
	}{
		{&nl.Namespace{Weight: -1}, "weight -1 is negative"},
		{&nl.Namespace{Capabilities: &nl.NamespaceCapabilities{EnabledTaskDrivers: []string{"a"}, DisabledTaskDrivers: []string{"a"}}}, "enabled and disabled"},
		{&nl.Namespace{Capabilities: &nl.NamespaceCapabilities{EnabledNetworkModes: []string{"host"}, DisabledNetworkModes: []string{"host"}}}, `network mode "host"`},
		{&nl.Namespace{NodePoolConfiguration: &nl.NamespaceNodePoolConfiguration{Allowed: []string{"a"}, Denied: []string{"b"}}}, "node pool configuration: allowed and denied"},
		{&nl.Namespace{NodePoolConfiguration: &nl.NamespaceNodePoolConfiguration{Default: "p", Denied: []string{"p"}}}, `the default "p" is denied`},
		{&nl.Namespace{VaultConfiguration: &nl.NamespaceVaultConfiguration{Allowed: []string{"a"}, Denied: []string{"b"}}}, "vault configuration"},
		{&nl.Namespace{ConsulConfiguration: &nl.NamespaceConsulConfiguration{Allowed: []string{"a"}, Denied: []string{"b"}}}, "consul configuration"},
	} {
		test.n.Name = "x"
		if err := said(newRules(t).namespace(test.n), test.says); err != nil {
			t.Error(err)
		}
	}
}

// Variables of a namespace take no more than its quota allows.
func TestQuota_Variables(t *testing.T) {
	w := newRules(t)
	q := small("q")
	nothing := -1
	q.Limits[0].VariablesLimit = &nothing
	if err := w.quota(q); err != nil {
		t.Fatal(err)
	}
	w.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: nl.DefaultNamespace, Quota: "q"}}})
	w.apply(&op.UpsertRootKey{Activate: true, Key: &nl.RootKey{Meta: &nl.RootKeyMeta{KeyID: uuidOf(1), Algorithm: "aes256-gcm"}, Encryption: make([]byte, 32)}})
	var reply query.VariableApplied
	err := w.e.variablesApply(t.Context(), &query.VariableApply{WriteOptions: w.write(), Action: query.VariableSet,
		Variable: &nl.VariableDecrypted{Namespace: nl.DefaultNamespace, Path: "p", Items: map[string]string{"k": "v"}}}, &reply)
	if e := said(err, `quota of namespace "default" is reached`, "> 0 bytes limit"); e != nil || nl.CodeOf(err) != nl.CodeDenied {
		t.Error(e, nl.CodeOf(err))
	}
	if w.snapshot().Variable(nl.DefaultNamespace, "p") != nil {
		t.Error("the variable was written")
	}
}
