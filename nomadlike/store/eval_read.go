package store

import (
	"iter"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Eval is nil when there is none.
func (s *Snapshot) Eval(id string) *nl.Eval {
	row, _ := s.evals.Get(id)
	return row.Eval
}

func evalOf(r evalRow) *nl.Eval { return r.Eval }

// Evals yields evaluations by create index, then ID.
func (s *Snapshot) Evals(namespace string) iter.Seq[*nl.Eval] {
	return filtered(s.evalsCreated.All(), func(id name) *nl.Eval { return s.Eval(string(id)) },
		func(e *nl.Eval) bool { return inNamespace(namespace, e.Namespace) })
}

// EvalsByPrefix yields the evaluations whose ID starts with prefix, by ID.
func (s *Snapshot) EvalsByPrefix(namespace, prefix string) iter.Seq[*nl.Eval] {
	return filtered(s.evals.Prefixed(prefix), evalOf,
		func(e *nl.Eval) bool { return inNamespace(namespace, e.Namespace) })
}

// EvalsByJob yields the evaluations of a job, by ID.
func (s *Snapshot) EvalsByJob(namespace, id string) iter.Seq[*nl.Eval] {
	row := s.jobRowOf(namespace, id)
	if row == nil {
		return empty[*nl.Eval]
	}
	return filtered(row.evals.All(), evalOf, always)
}
