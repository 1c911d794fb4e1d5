package store

import (
	"iter"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Deployment is nil when there is none.
func (s *Snapshot) Deployment(id string) *nl.Deployment {
	row, _ := s.deployments.Get(id)
	return row.Deployment
}

func (s *Snapshot) deploymentNamed(id name) *nl.Deployment { return s.Deployment(string(id)) }

// Deployments yields deployments by create index, then ID.
func (s *Snapshot) Deployments(namespace string) iter.Seq[*nl.Deployment] {
	return filtered(s.deploymentsCreated.All(), s.deploymentNamed,
		func(d *nl.Deployment) bool { return inNamespace(namespace, d.Namespace) })
}

// DeploymentsByPrefix yields the deployments whose ID starts with prefix, by ID.
func (s *Snapshot) DeploymentsByPrefix(namespace, prefix string) iter.Seq[*nl.Deployment] {
	return filtered(s.deployments.Prefixed(prefix), func(r deploymentRow) *nl.Deployment { return r.Deployment },
		func(d *nl.Deployment) bool { return inNamespace(namespace, d.Namespace) })
}

// DeploymentsByJob yields the deployments of a job, by create index.
func (s *Snapshot) DeploymentsByJob(namespace, id string) iter.Seq[*nl.Deployment] {
	row := s.jobRowOf(namespace, id)
	if row == nil {
		return empty[*nl.Deployment]
	}
	return filtered(row.deployments.All(), s.deploymentNamed, always)
}

// LatestDeployment is the newest of a job, nil when it has none.
func (s *Snapshot) LatestDeployment(namespace, jobID string) *nl.Deployment {
	row := s.jobRowOf(namespace, jobID)
	if row == nil {
		return nil
	}
	id, found := row.deployments.Last()
	if !found {
		return nil
	}
	return s.Deployment(string(id))
}
