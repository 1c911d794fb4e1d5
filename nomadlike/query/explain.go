package query

import nl "github.com/nomadlike/nomadlike/nomadlike"

// JobExplain asks why a job is as it is. Method Job.Explain, reply
// JobExplainReply.
type JobExplain struct {
	nl.QueryOptions
	ID      string
	Group   string // only this one; "" is all
	Verbose bool   // with every node and every placement
}

// JobExplainReply answers JobExplain; nil when there is no such job.
type JobExplainReply struct {
	Explanation *nl.JobExplanation
	nl.QueryMeta
}

// Explain asks why an allocation or an evaluation is as it is. Methods
// Alloc.Explain, reply AllocExplainReply, and Eval.Explain, reply
// EvalExplainReply.
type Explain struct {
	nl.QueryOptions
	ID      string
	Verbose bool // with every node and every placement
}

// AllocExplainReply answers Alloc.Explain; nil when there is no such allocation.
type AllocExplainReply struct {
	Explanation *nl.AllocExplanation
	nl.QueryMeta
}

// EvalExplainReply answers Eval.Explain; nil when there is no such evaluation.
type EvalExplainReply struct {
	Explanation *nl.EvalExplanation
	nl.QueryMeta
}
