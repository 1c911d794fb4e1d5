package admit

import (
	"github.com/nomadlike/nomadlike/nomadlike"
)

// vaultClusters names the cluster of vault blocks that name none.
func vaultClusters(job *nomadlike.Job, s Settings) {
	cluster := defaultCluster
	if s.Namespace != nil && s.Namespace.VaultConfiguration != nil {
		if d := s.Namespace.VaultConfiguration.Default; d != "" {
			cluster = d
		}
	}
	for _, g := range job.TaskGroups {
		for _, t := range g.Tasks {
			if t.Vault != nil {
				setDefault(&t.Vault.Cluster, cluster)
			}
		}
	}
}

// consulClusters names the cluster of consul blocks and services that name
// none, and keeps what names a partition on nodes of that partition.
func consulClusters(job *nomadlike.Job, s Settings) {
	cluster := defaultCluster
	if s.Namespace != nil && s.Namespace.ConsulConfiguration != nil {
		if d := s.Namespace.ConsulConfiguration.Default; d != "" {
			cluster = d
		}
	}
	block := func(c *nomadlike.ConsulBlock, constraints *[]*nomadlike.Constraint) {
		if c == nil {
			return
		}
		setDefault(&c.Cluster, cluster)
		if c.Partition != "" {
			addConstraint(constraints, sameTarget, constraint(clusterAttr("consul", c.Cluster, "partition"), "=", c.Partition))
		}
	}
	for _, g := range job.TaskGroups {
		block(g.Consul, &g.Constraints)
		for _, t := range g.Tasks {
			block(t.Consul, &t.Constraints)
		}
	}
}

// clusterAttr is the attribute under which nodes report about a cluster.
func clusterAttr(product, cluster, name string) string {
	if cluster == "" || cluster == defaultCluster {
		return "${attr." + product + "." + name + "}"
	}
	return "${attr." + product + "." + cluster + "." + name + "}"
}

// impliedIdentities gives services and tasks the identities with which they log
// in at Consul and Vault, where the server configures such.
func impliedIdentities(job *nomadlike.Job, s Settings) {
	for _, g := range job.TaskGroups {
		added := false
		for _, svc := range g.Services {
			added = serviceIdentity(svc, s) || added
		}
		for _, t := range g.Tasks {
			for _, svc := range t.Services {
				added = serviceIdentity(svc, s) || added
			}
			added = taskIdentities(g, t, s) || added
		}
		if added {
			addConstraint(&g.Constraints, sameConstraint, identityConstraint())
		}
	}
}

func serviceIdentity(svc *nomadlike.Service, s Settings) bool {
	template := s.Consul[svc.Cluster].ServiceIdentity
	if svc.Provider != "consul" || svc.Identity != nil || template == nil {
		return false
	}
	id := *template
	id.Name = serviceIdentityName(svc)
	id.ServiceName = svc.Name
	svc.Identity = &id
	return true
}

// taskIdentities adds what the task's vault block and the consul block that
// applies to it need.
func taskIdentities(g *nomadlike.Group, t *nomadlike.Task, s Settings) bool {
	added := false
	add := func(name string, template *nomadlike.WorkloadIdentity) {
		if template == nil {
			return
		}
		for _, have := range t.Identities {
			if have.Name == name {
				return
			}
		}
		id := *template
		id.Name = name
		t.Identities = append(t.Identities, &id)
		added = true
	}
	if t.Vault != nil {
		add("vault_"+t.Vault.Cluster, s.Vault[t.Vault.Cluster].DefaultIdentity)
	}
	consul := t.Consul
	if consul == nil {
		consul = g.Consul
	}
	if consul == nil && len(t.Templates) > 0 {
		consul = &nomadlike.ConsulBlock{Cluster: defaultCluster}
	}
	if consul != nil {
		add("consul_"+consul.Cluster, s.Consul[consul.Cluster].TaskIdentity)
	}
	return added
}
