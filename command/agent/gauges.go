package agent

import (
	"context"
	"maps"
	"slices"
	"strconv"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// gauges reads everything that is measured at the moment it is asked for.
func (a *Agent) gauges() []gauge {
	var out []gauge
	if a.server != nil {
		out = append(out, a.serverGauges()...)
	}
	if a.client != nil {
		out = append(out, a.clientGauges()...)
	}
	return out
}

func (a *Agent) serverGauges() []gauge {
	var out []gauge
	add := func(name string, v float64, labels ...string) {
		g := gauge{name: "nomad_" + name, value: v, labels: map[string]string{}}
		for i := 0; i+1 < len(labels); i += 2 {
			g.labels[labels[i]] = labels[i+1]
		}
		out = append(out, g)
	}
	st := a.server.Broker().Stats()
	add("nomad_broker_total_ready", float64(st.Queue.Ready))
	add("nomad_broker_total_unacked", float64(st.Queue.Unacked))
	add("nomad_broker_total_pending", float64(st.Queue.Pending))
	add("nomad_broker_total_waiting", float64(st.Queue.Waiting))
	add("nomad_broker_total_cancelable", float64(st.Queue.Superseded))
	for _, t := range slices.Sorted(maps.Keys(st.Queue.ByType)) {
		add("nomad_broker_"+t+"_ready", float64(st.Queue.ByType[t].Ready))
		add("nomad_broker_"+t+"_unacked", float64(st.Queue.ByType[t].Unacked))
	}
	add("nomad_blocked_evals_total_blocked", float64(st.Blocked.Blocked))
	add("nomad_blocked_evals_total_escaped", float64(st.Blocked.Escaped))
	add("nomad_blocked_evals_total_quota_limit", float64(st.Blocked.QuotaLimit))
	for _, share := range st.Shares {
		add("nomad_broker_namespace_share", share.Share, "namespace", share.Namespace)
		add("nomad_broker_namespace_ready", float64(share.Ready), "namespace", share.Namespace)
	}
	for id, n := range a.server.Applier().Rejected() {
		add("nomad_plan_node_rejected", float64(n), "node_id", id)
	}
	for id, n := range a.server.Applier().RejectionScores() {
		add("nomad_plan_rejection_tracker_node_score", float64(n), "node_id", id)
	}
	add("nomad_plan_queue_depth", float64(a.server.Applier().Depth()))
	add("nomad_heartbeat_active", float64(a.server.Watched()))
	s := a.server.Store().Snapshot()
	add("state_snapshotIndex", float64(s.Index()))
	for _, k := range []string{"applied_index", "last_log_index"} {
		if n, err := strconv.ParseFloat(a.server.Stats()["raft"][k], 64); err == nil {
			add(map[string]string{"applied_index": "raft_appliedIndex", "last_log_index": "raft_lastIndex"}[k], n)
		}
	}
	counts := map[string]int{nl.JobStatusDead: 0, nl.JobStatusPending: 0, nl.JobStatusRunning: 0}
	for j := range s.Jobs(nl.AllNamespaces, "") {
		counts[j.Status]++
		if a.cfg.Telemetry.DisableDispatchedSummary && j.Dispatched {
			continue
		}
		sum := s.JobSummary(j.Namespace, j.ID)
		if sum == nil {
			continue
		}
		for group, g := range sum.Summary {
			labels := []string{"job", j.ID, "task_group", group, "namespace", j.Namespace}
			for name, n := range map[string]int{"queued": g.Queued, "complete": g.Complete, "failed": g.Failed, "running": g.Running,
				"starting": g.Starting, "lost": g.Lost, "unknown": g.Unknown} {
				add("nomad_job_summary_"+name, float64(n), labels...)
			}
		}
	}
	for st, n := range counts {
		add("nomad_job_status_"+st, float64(n))
	}
	return out
}

func (a *Agent) clientGauges() []gauge {
	n := a.client.Node()
	base := map[string]string{"node_id": n.ID, "datacenter": n.Datacenter, "node_class": orNone(n.NodeClass), "node_pool": n.NodePool,
		"node_status": n.Status, "node_scheduling_eligibility": n.SchedulingEligibility}
	var out []gauge
	add := func(name string, v float64, more ...string) {
		labels := base
		if len(more) > 0 {
			labels = map[string]string{}
			for k, v := range base {
				labels[k] = v
			}
			for i := 0; i+1 < len(more); i += 2 {
				labels[more[i]] = more[i+1]
			}
		}
		out = append(out, gauge{name: "nomad_client_" + name, labels: labels, value: v})
	}
	states := map[string]int{}
	used := &nl.AllocatedResources{}
	for _, r := range a.client.Allocs() {
		al, status := r.Alloc(), r.Status()
		states[status]++
		if (status == nl.AllocClientPending || status == nl.AllocClientRunning) && al.AllocatedResources != nil {
			addResources(used, al.AllocatedResources)
		}
	}
	add("allocations_pending", float64(states[nl.AllocClientPending]))
	add("allocations_running", float64(states[nl.AllocClientRunning]))
	add("allocations_terminal", float64(states[nl.AllocClientComplete]+states[nl.AllocClientFailed]+states[nl.AllocClientLost]))
	add("allocations_blocked", 0)
	add("allocations_migrating", 0)
	sum := used.Tasks["all"]
	if sum == nil {
		sum = &nl.AllocatedTaskResources{}
	}
	add("allocated_cpu", float64(sum.Cpu.CpuShares))
	add("allocated_memory", float64(sum.Memory.MemoryMB))
	add("allocated_max_memory", float64(sum.Memory.MemoryMaxMB))
	add("allocated_disk", float64(used.Shared.DiskMB))
	if r := n.NodeResources; r != nil {
		add("unallocated_cpu", float64(r.Cpu.CpuShares-sum.Cpu.CpuShares))
		add("unallocated_memory", float64(r.Memory.MemoryMB-sum.Memory.MemoryMB))
		add("unallocated_disk", float64(r.Disk.DiskMB-used.Shared.DiskMB))
	}
	var host nl.HostStats
	if err := a.client.Mux().Call(context.Background(), "Client.Stats", &query.ClientStats{OnNode: query.OnNode{NodeID: n.ID}}, &host); err != nil {
		return out
	}
	add("uptime", float64(host.Uptime))
	if m := host.Memory; m != nil {
		add("host_memory_total", float64(m.Total))
		add("host_memory_available", float64(m.Available))
		add("host_memory_used", float64(m.Used))
		add("host_memory_free", float64(m.Free))
	}
	for _, c := range host.CPU {
		add("host_cpu_user", c.User, "cpu", c.CPU)
		add("host_cpu_system", c.System, "cpu", c.CPU)
		add("host_cpu_idle", c.Idle, "cpu", c.CPU)
		add("host_cpu_total", c.User+c.System, "cpu", c.CPU)
	}
	seen := map[string]bool{}
	for _, d := range host.DiskStats {
		if seen[d.Device] {
			continue
		}
		seen[d.Device] = true
		add("host_disk_size", float64(d.Size), "disk", d.Device)
		add("host_disk_used", float64(d.Used), "disk", d.Device)
		add("host_disk_available", float64(d.Available), "disk", d.Device)
		add("host_disk_used_percent", d.UsedPercent, "disk", d.Device)
		add("host_disk_inodes_percent", d.InodesUsedPercent, "disk", d.Device)
	}
	return out
}

// addResources sums an allocation's resources up under one name.
func addResources(sum *nl.AllocatedResources, r *nl.AllocatedResources) {
	if sum.Tasks == nil {
		sum.Tasks = map[string]*nl.AllocatedTaskResources{"all": {}}
	}
	all := sum.Tasks["all"]
	for _, t := range r.Tasks {
		all.Cpu.CpuShares += t.Cpu.CpuShares
		all.Memory.MemoryMB += t.Memory.MemoryMB
		all.Memory.MemoryMaxMB += max(t.Memory.MemoryMaxMB, t.Memory.MemoryMB)
	}
	sum.Shared.DiskMB += r.Shared.DiskMB
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
