package store

import (
	"fmt"
	"slices"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// firstIndex is the index of what exists from the start.
const firstIndex = 1

// nodeIdentityTTL is how long a node's identity lasts when its pool does not say.
const nodeIdentityTTL = 24 * time.Hour

func defaultNamespaces() []*nl.Namespace {
	n := &nl.Namespace{
		Name: nl.DefaultNamespace, Description: "Default shared namespace",
		CreateIndex: firstIndex, ModifyIndex: firstIndex,
	}
	n.SetHash()
	return []*nl.Namespace{n}
}

func defaultNodePools() []*nl.NodePool {
	pools := []*nl.NodePool{
		{Name: nl.NodePoolAll, Description: "Node pool with all nodes in the cluster.", NodeIdentityTTL: nodeIdentityTTL,
			CreateIndex: firstIndex, ModifyIndex: firstIndex},
		{Name: nl.NodePoolDefault, Description: "Default node pool.", NodeIdentityTTL: nodeIdentityTTL,
			CreateIndex: firstIndex, ModifyIndex: firstIndex},
	}
	for _, p := range pools {
		p.SetHash()
	}
	return pools
}

func (t *tx) upsertNamespaces(o *op.UpsertNamespaces) error {
	for _, n := range o.Namespaces {
		if o.QuotaMustExist && n.Quota != "" && t.Quota(n.Quota) == nil {
			return nl.Errorf(nl.CodeInvalid, "namespace %q names quota %q, which does not exist; create it first", n.Name, n.Quota)
		}
		before := t.Namespace(n.Name)
		next := *n
		next.CreateIndex, next.ModifyIndex = t.index, t.index
		if before != nil {
			next.CreateIndex = before.CreateIndex
		}
		t.namespaces.Set(t.owner, namespaceRow{&next})
		change(t, TableNamespaces, "", next.Name, before, &next)
		t.moveNamespace(next.Name, quotaOf(before), next.Quota)
	}
	return nil
}

func (t *tx) deleteNamespaces(o *op.DeleteNamespaces) error {
	for _, n := range o.Names {
		before := t.Namespace(n)
		switch {
		case n == nl.DefaultNamespace:
			return nl.Errorf(nl.CodeInternal, "can not delete default namespace")
		case before == nil:
			return nl.Errorf(nl.CodeInternal, "namespace not found")
		}
		if err := t.checkNamespaceUnused(n); err != nil {
			return err
		}
		t.namespaces.Delete(t.owner, n)
		change(t, TableNamespaces, "", n, before, nil)
		t.moveNamespace(n, before.Quota, "")
	}
	return nil
}

func (t *tx) checkNamespaceUnused(namespace string) error {
	var regions []string
	for j := range t.Jobs(namespace, "") {
		if j.Status != nl.JobStatusDead {
			regions = append(regions, regionOf(j))
		}
	}
	if len(regions) > 0 {
		return nl.Errorf(nl.CodeInternal, "namespace %q has non-terminal jobs in regions: %v", namespace, distinct(regions))
	}
	for row := range t.jobs.Prefixed(namespacePrefix(namespace)) {
		if row.liveAllocs == 0 {
			continue
		}
		return nl.Errorf(nl.CodeInternal, "namespace %q has non-terminal allocations in regions: %v",
			namespace, []string{nl.DefaultRegion})
	}
	for range t.HostVolumes(namespace) {
		return nl.Errorf(nl.CodeInternal, "namespace %q has volumes in regions: %v", namespace, []string{nl.DefaultRegion})
	}
	for range t.CSIVolumes(namespace, "") {
		return nl.Errorf(nl.CodeInternal, "namespace %q has volumes in regions: %v", namespace, []string{nl.DefaultRegion})
	}
	for range t.Variables(namespace, "") {
		return nl.Errorf(nl.CodeInternal, "namespace %q has variables in regions: %v", namespace, []string{nl.DefaultRegion})
	}
	return nil
}

func regionOf(j *nl.Job) string {
	if j.Region == "" {
		return nl.DefaultRegion
	}
	return j.Region
}

func distinct(names []string) []string {
	slices.SortFunc(names, strings.Compare)
	return slices.Compact(names)
}

func (t *tx) upsertNodePools(o *op.UpsertNodePools) error {
	for _, p := range o.Pools {
		if builtIn(p.Name) {
			return nl.Errorf(nl.CodeInternal, "modifying node pool %q is not allowed", p.Name)
		}
		t.putNodePool(p)
	}
	return nil
}

func builtIn(pool string) bool { return pool == nl.NodePoolAll || pool == nl.NodePoolDefault }

func (t *tx) putNodePool(p *nl.NodePool) {
	before := t.NodePool(p.Name)
	next := *p
	next.CreateIndex, next.ModifyIndex = t.index, t.index
	if before != nil {
		next.CreateIndex = before.CreateIndex
	}
	if next.NodeIdentityTTL == 0 {
		next.NodeIdentityTTL = nodeIdentityTTL
	}
	t.nodePools.Set(t.owner, nodePoolRow{&next})
	change(t, TableNodePools, "", next.Name, before, &next)
}

func (t *tx) deleteNodePools(o *op.DeleteNodePools) error {
	for _, n := range o.Names {
		before := t.NodePool(n)
		switch {
		case builtIn(n):
			return nl.Errorf(nl.CodeInternal, "deleting node pool %q is not allowed", n)
		case before == nil:
			return nl.Errorf(nl.CodeInternal, "node pool %q not found", n)
		}
		if err := t.checkNodePoolUnused(n); err != nil {
			return err
		}
		t.nodePools.Delete(t.owner, n)
		change(t, TableNodePools, "", n, before, nil)
	}
	return nil
}

func (t *tx) checkNodePoolUnused(pool string) error {
	var texts, regions []string
	for j := range t.Jobs(nl.AllNamespaces, "") {
		if j.NodePool == pool && j.Status != nl.JobStatusDead {
			regions = append(regions, regionOf(j))
		}
	}
	if len(regions) > 0 {
		texts = append(texts, fmt.Sprintf("node pool %q has non-terminal jobs in regions: %v", pool, distinct(regions)))
	}
	for n := range t.Nodes() {
		if n.NodePool == pool {
			texts = append(texts, fmt.Sprintf("node pool %q has nodes in regions: %v", pool, []string{nl.DefaultRegion}))
			break
		}
	}
	return multiError(texts)
}
