package capacity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/command/sim/settle"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// addMax bounds the nodes that one question adds.
const addMax = 100_000

// Kind is what people tell nodes apart by.
type Kind struct{ Class, Pool, Datacenter string }

func kindOf(n *nl.Node) Kind { return Kind{n.NodeClass, n.NodePool, n.Datacenter} }

func (k Kind) compare(o Kind) int {
	return cmp.Or(cmp.Compare(k.Class, o.Class), cmp.Compare(k.Pool, o.Pool), cmp.Compare(k.Datacenter, o.Datacenter))
}

func (k Kind) String() string {
	if k.Class == "" {
		return fmt.Sprintf("pool %s in %s", k.Pool, k.Datacenter)
	}
	return fmt.Sprintf("class %s, pool %s in %s", k.Class, k.Pool, k.Datacenter)
}

// model is a kind of node with its capacity.
type model struct {
	Kind
	capacity fit.Vector
	example  *nl.Node
	count    int
}

// models are the usable nodes of a state by kind, capacity and whatever else
// constraints may tell apart, the commonest first.
func models(s *store.Snapshot) []*model {
	type key struct {
		Kind
		capacity fit.Vector
		class    string // computed
	}
	by := map[key]*model{}
	for n := range s.Nodes() {
		if !n.Ready() {
			continue
		}
		k := key{kindOf(n), fit.Capacity(n), n.ComputedClass}
		if by[k] == nil {
			by[k] = &model{Kind: k.Kind, capacity: k.capacity, example: n}
		}
		by[k].count++
	}
	return slices.SortedFunc(maps.Values(by), func(a, b *model) int {
		return cmp.Or(cmp.Compare(b.count, a.count), a.compare(b.Kind), cmp.Compare(a.capacity.CPU, b.capacity.CPU), cmp.Compare(a.example.ID, b.example.ID))
	})
}

// removeNodes takes nodes away as if they had died.
func (e *engine) removeNodes() error {
	doomed := map[string]bool{}
	for _, selection := range e.q.Remove {
		nodes, err := selectNodes(e.c.Snapshot(), selection, doomed)
		if err != nil {
			return fmt.Errorf("-remove-nodes %s: %w", selection, err)
		}
		for _, n := range nodes {
			doomed[n.ID] = true
		}
	}
	if len(doomed) == 0 {
		return nil
	}
	s := e.c.Snapshot()
	gone := &op.DeregisterNodes{NodeIDs: slices.Sorted(maps.Keys(doomed))}
	seen := map[*nl.Job]bool{}
	allocs := 0
	for _, id := range gone.NodeIDs {
		for a := range s.AllocsByNode(id) {
			if a.Terminal() {
				continue
			}
			allocs++
			// One evaluation of a job looks at all that it lost.
			if job := s.Job(a.Namespace, a.JobID); job != nil && !seen[job] {
				seen[job] = true
				gone.Evals = append(gone.Evals, e.c.Eval(job, nl.TriggerNodeUpdate))
			}
		}
	}
	e.answer.Changes = append(e.answer.Changes, fmt.Sprintf("%s with %s removed", number(len(doomed), "node"), number(allocs, "allocation")))
	_, err := e.c.Do(gone)
	return err
}

func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// grouped parts thousands.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// selectNodes finds what a selection names: a number, FIELD=VALUE, or the name
// or the start of the ID of one node.
func selectNodes(s *store.Snapshot, selection string, taken map[string]bool) ([]*nl.Node, error) {
	if n, err := strconv.Atoi(selection); err == nil {
		return fullest(s, n, taken)
	}
	if field, value, ok := strings.Cut(selection, "="); ok {
		var out []*nl.Node
		for n := range s.Nodes() {
			has, err := fieldOf(n, field)
			if err != nil {
				return nil, err
			}
			if has == value {
				out = append(out, n)
			}
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("no node of the snapshot has %s %q", field, value)
		}
		return out, nil
	}
	n, err := findNode(s, selection)
	return []*nl.Node{n}, err
}

// findNode finds a node by its name or the start of its ID.
func findNode(s *store.Snapshot, text string) (*nl.Node, error) {
	var found []*nl.Node
	for n := range s.Nodes() {
		if n.Name == text || n.ID == text {
			return n, nil
		}
		if strings.HasPrefix(n.ID, text) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("no node of the snapshot has this name or ID")
	}
	return nil, fmt.Errorf("%d nodes of the snapshot have IDs that begin so: give more of it", len(found))
}

func fieldOf(n *nl.Node, field string) (string, error) {
	switch field {
	case "class":
		return n.NodeClass, nil
	case "pool":
		return n.NodePool, nil
	case "dc":
		return n.Datacenter, nil
	}
	if key, ok := strings.CutPrefix(field, "attr."); ok {
		return n.Attributes[key], nil
	}
	if key, ok := strings.CutPrefix(field, "meta."); ok {
		return n.Meta[key], nil
	}
	return "", fmt.Errorf("%q is no field to select nodes by: use class, pool, dc, attr.NAME or meta.NAME", field)
}

// fullest are the n usable nodes with the most allocations: losing them hurts
// most.
func fullest(s *store.Snapshot, n int, taken map[string]bool) ([]*nl.Node, error) {
	type loaded struct {
		node   *nl.Node
		allocs int
	}
	var all []loaded
	for node := range s.Nodes() {
		if !node.Ready() || taken[node.ID] {
			continue
		}
		l := loaded{node: node}
		for a := range s.AllocsByNode(node.ID) {
			if !a.Terminal() {
				l.allocs++
			}
		}
		all = append(all, l)
	}
	if n < 1 || n > len(all) {
		return nil, fmt.Errorf("there are %d usable nodes to choose from", len(all))
	}
	slices.SortFunc(all, func(a, b loaded) int {
		return cmp.Or(cmp.Compare(b.allocs, a.allocs), cmp.Compare(a.node.ID, b.node.ID))
	})
	out := make([]*nl.Node, n)
	for i := range out {
		out[i] = all[i].node
	}
	return out, nil
}

// addNodes adds what the question describes.
func (e *engine) addNodes() error {
	for _, text := range e.q.Add {
		count, n, err := describedNode(e.base, text)
		if err != nil {
			return fmt.Errorf("-add-nodes %s: %w", text, err)
		}
		if err := addNodes(e.c, n, count); err != nil {
			return fmt.Errorf("-add-nodes %s: %w", text, err)
		}
		e.answer.Changes = append(e.answer.Changes, fmt.Sprintf("%s added: %s of %s", number(count, "node"), sizeText(fit.Capacity(n)), kindOf(n)))
	}
	return nil
}

// describedNode reads N[:like=NODE,FIELD=VALUE,...]. What is not said is as on
// the commonest node.
func describedNode(s *store.Snapshot, text string) (count int, n *nl.Node, err error) {
	head, rest, _ := strings.Cut(text, ":")
	if count, err = strconv.Atoi(head); err != nil || count < 1 || count > addMax {
		return 0, nil, fmt.Errorf("it must begin with how many, 1 to %s", grouped(addMax))
	}
	var fields [][2]string
	like := ""
	for _, field := range strings.FieldsFunc(rest, func(r rune) bool { return r == ',' }) {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return 0, nil, fmt.Errorf("%q is not FIELD=VALUE", field)
		}
		if key == "like" {
			like = value
			continue
		}
		fields = append(fields, [2]string{key, value})
	}
	if n, err = templateNode(s, like); err != nil {
		return 0, nil, err
	}
	n = n.Copy()
	for _, f := range fields {
		if err := setField(n, f[0], f[1]); err != nil {
			return 0, nil, err
		}
	}
	return count, n, nil
}

// templateNode is the node that new ones are like.
func templateNode(s *store.Snapshot, like string) (*nl.Node, error) {
	known := models(s)
	if like == "" {
		if len(known) == 0 {
			return nil, fmt.Errorf("the snapshot has no usable node to be like: name one with like=NODE")
		}
		return known[0].example, nil
	}
	for _, m := range known {
		if m.Class == like {
			return m.example, nil
		}
	}
	n, err := findNode(s, like)
	if err != nil {
		return nil, fmt.Errorf("like=%s: %w", like, err)
	}
	return n, nil
}

func setField(n *nl.Node, key, value string) error {
	amount := func() (int64, error) {
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil || v < 0 {
			return 0, fmt.Errorf("%s=%s is no amount", key, value)
		}
		return v, nil
	}
	var err error
	switch key {
	case "cpu":
		if n.NodeResources.Cpu.CpuShares, err = amount(); err == nil {
			n.NodeResources.Processors.Topology = nil
		}
	case "memory":
		n.NodeResources.Memory.MemoryMB, err = amount()
	case "disk":
		n.NodeResources.Disk.DiskMB, err = amount()
	case "class":
		n.NodeClass = value
	case "pool":
		n.NodePool = value
	case "dc":
		n.Datacenter = value
	default:
		name, isAttr := strings.CutPrefix(key, "attr.")
		metaName, isMeta := strings.CutPrefix(key, "meta.")
		switch {
		case isAttr:
			n.Attributes[name] = value
		case isMeta:
			if n.Meta == nil {
				n.Meta = map[string]string{}
			}
			n.Meta[metaName] = value
		default:
			return fmt.Errorf("%q is no field of a node: use like, cpu, memory, disk, class, pool, dc, attr.NAME or meta.NAME", key)
		}
	}
	return err
}

// addNodes registers count nodes that differ from n in their name only.
func addNodes(c *settle.Cluster, n *nl.Node, count int) error {
	first := c.Snapshot().NodeCount()
	for i := range count {
		fresh := n.Copy()
		fresh.ID, fresh.SecretID = c.NewID(), c.NewID()
		fresh.Name = fmt.Sprintf("added-%d", first+i+1)
		fresh.Status, fresh.SchedulingEligibility, fresh.DrainStrategy, fresh.LastDrain = nl.NodeStatusReady, nl.NodeEligible, nil, nil
		fresh.Events, fresh.CreateIndex, fresh.ModifyIndex = nil, 0, 0
		for name := range fresh.Attributes {
			if strings.HasPrefix(name, "unique.") {
				fresh.Attributes[name] = fresh.Name
			}
		}
		fresh.ComputedClass = nl.ComputedClass(fresh)
		o := &op.RegisterNode{Node: fresh, Time: c.Now().UnixNano()}
		if c.Snapshot().NodePool(fresh.NodePool) == nil {
			o.NodePool = &nl.NodePool{Name: fresh.NodePool}
			o.NodePool.SetHash()
		}
		if _, err := c.Do(o); err != nil {
			return err
		}
	}
	// Jobs that run on every node want the new ones; one evaluation sees all.
	var evals []*nl.Eval
	for job := range c.Snapshot().Jobs(nl.AllNamespaces, "") {
		if !job.Stop && !job.IsPeriodic() && !job.IsParameterized() && (job.Type == nl.JobTypeSystem || job.Type == nl.JobTypeSysBatch && job.Status != nl.JobStatusDead) {
			evals = append(evals, c.Eval(job, nl.TriggerNodeUpdate))
		}
	}
	if len(evals) == 0 {
		return nil
	}
	_, err := c.Do(&op.UpsertEvals{Evals: evals})
	return err
}
