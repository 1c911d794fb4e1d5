package query

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// EvalList lists evaluations. Methods Eval.List (Evals) and Eval.Count (CountReply).
type EvalList struct {
	nl.QueryOptions
	Status string // "" is any
	JobID  string
}

// CountReply answers counts.
type CountReply struct {
	Count int
	nl.QueryMeta
}

// EvalGet reads one evaluation. Methods Eval.Get (EvalReply), Eval.Allocs (AllocStubs).
type EvalGet struct {
	nl.QueryOptions
	ID      string
	Related bool
}

// EvalReply answers EvalGet.
type EvalReply struct {
	Eval *nl.Eval
	nl.QueryMeta
}

// EvalDelete deletes evaluations by ID or filter. Method Eval.Delete, reply EvalDeleted.
type EvalDelete struct {
	nl.WriteOptions
	IDs    []string
	Filter string
}

// EvalDeleted answers EvalDelete.
type EvalDeleted struct {
	Count int
	nl.WriteMeta
}

// DeploymentList lists deployments. Method Deployment.List, reply Deployments.
type DeploymentList struct{ nl.QueryOptions }

// DeploymentGet reads one. Methods Deployment.Get (DeploymentReply), Deployment.Allocs (AllocStubs).
type DeploymentGet struct {
	nl.QueryOptions
	ID string
}

// DeploymentChange changes one. Methods Deployment.Fail, .Pause, .Promote,
// .Unblock, .SetAllocHealth, reply nl.DeploymentUpdateResponse.
type DeploymentChange struct {
	nl.WriteOptions
	ID        string
	Pause     bool
	All       bool
	Groups    []string
	Healthy   []string
	Unhealthy []string
}

// AllocList lists allocations. Method Alloc.List, reply AllocStubs.
type AllocList struct {
	nl.QueryOptions
	Resources  bool
	TaskStates bool
}

// AllocGet reads one allocation. Methods Alloc.Get (AllocReply), Alloc.Services (ServicesReply).
type AllocGet struct {
	nl.QueryOptions
	ID string
}

// AllocReply answers Alloc.Get. Allocations do not carry their job, so it
// stands beside.
type AllocReply struct {
	Alloc *nl.Alloc
	Job   *nl.Job
	nl.QueryMeta
}

// AllocStop stops an allocation and evaluates its job. Method Alloc.Stop,
// reply AllocStopped.
type AllocStop struct {
	nl.WriteOptions
	ID              string
	NoShutdownDelay bool
	Reschedule      bool
}

// AllocStopped answers AllocStop.
type AllocStopped struct {
	EvalID string
	nl.WriteMeta
}

// NodeList lists nodes. Method Node.List, reply NodeStubs.
type NodeList struct {
	nl.QueryOptions
	Resources bool
	OS        bool
	NodePool  string // only nodes of that pool; "" and "all" are all
}

// NodeStubs answers NodeList.
type NodeStubs struct {
	Nodes []*nl.NodeStub
	nl.QueryMeta
}

// NodeGet reads one node. Methods Node.Get (NodeReply), Node.AllocList (NodeAllocsReply).
type NodeGet struct {
	nl.QueryOptions
	ID string
}

// NodeReply answers Node.Get; nil when there is none.
type NodeReply struct {
	Node *nl.Node
	nl.QueryMeta
}

// NodeAllocsReply answers Node.AllocList; jobs stand beside, in the order of
// the allocations, shared where equal.
type NodeAllocsReply struct {
	Allocs []*nl.Alloc
	Jobs   []*nl.Job
	nl.QueryMeta
}

// NodeChange changes one node. Methods Node.Drain (nl.NodeDrainUpdateResponse),
// Node.Eligibility (nl.NodeEligibilityUpdateResponse), Node.Evaluate and
// Node.Purge (nl.NodeUpdateResponse).
type NodeChange struct {
	nl.WriteOptions
	ID           string
	Drain        *nl.DrainSpec // nil ends the drain
	MarkEligible bool
	Meta         map[string]string
	Eligibility  string
}

// NodePoolGet reads one or, with Name "", all. Methods NodePool.Get and
// NodePool.List, reply NodePoolsReply.
type NodePoolGet struct {
	nl.QueryOptions
	Name string
}

// NodePoolsReply answers NodePoolGet.
type NodePoolsReply struct {
	Pools []*nl.NodePool
	nl.QueryMeta
}

// NodePoolUpsert writes a pool. Method NodePool.Upsert, reply Written.
type NodePoolUpsert struct {
	nl.WriteOptions
	Pool *nl.NodePool
}

// Named names what to delete. Methods NodePool.Delete, Namespace.Delete, reply Written.
type Named struct {
	nl.WriteOptions
	Name string
}

// NamespaceGet reads one or, with Name "", all. Methods Namespace.Get and
// Namespace.List, reply NamespacesReply.
type NamespaceGet struct {
	nl.QueryOptions
	Name string
}

// NamespacesReply answers NamespaceGet.
type NamespacesReply struct {
	Namespaces []*nl.Namespace
	nl.QueryMeta
}

// NamespaceUpsert writes a namespace. Method Namespace.Upsert, reply Written.
type NamespaceUpsert struct {
	nl.WriteOptions
	Namespace *nl.Namespace
}

// ServiceList lists service names. Method Service.List, reply ServiceNames.
type ServiceList struct{ nl.QueryOptions }

// ServiceNames answers ServiceList.
type ServiceNames struct {
	Namespaces []*nl.ServiceRegistrationListStub
	nl.QueryMeta
}

// ServiceGet lists the instances of one service. Method Service.Get, reply ServicesReply.
type ServiceGet struct {
	nl.QueryOptions
	Name   string
	Choose string // "N|key": N instances by rendezvous hash of key; "" is all
}

// ServiceDelete removes one instance. Method Service.Delete, reply Written.
type ServiceDelete struct {
	nl.WriteOptions
	ID string
}

// ScalingPolicyList lists policies. Method Scaling.List, reply ScalingPolicyStubs.
type ScalingPolicyList struct {
	nl.QueryOptions
	Job  string
	Type string
}

// ScalingPolicyStubs answers ScalingPolicyList.
type ScalingPolicyStubs struct {
	Policies []*nl.ScalingPolicyStub
	nl.QueryMeta
}

// ScalingPolicyGet reads one policy. Method Scaling.Get, reply ScalingPolicyReply.
type ScalingPolicyGet struct {
	nl.QueryOptions
	ID string
}

// ScalingPolicyReply answers ScalingPolicyGet.
type ScalingPolicyReply struct {
	Policy *nl.ScalingPolicy
	nl.QueryMeta
}

// Search looks for IDs by prefix (Search.Prefix, nl.SearchResponse) or for
// names by text (Search.Fuzzy, nl.FuzzySearchResponse).
type Search struct {
	nl.QueryOptions
	Text    string
	Context string
}

// SystemGC collects everything collectable. Method System.GC, reply Written.
// System.Reconcile recomputes job summaries.
type SystemGC struct{ nl.WriteOptions }

// OperatorGet reads operator objects. Methods Operator.SchedulerConfig,
// Operator.AutopilotConfig, Operator.Keys, Operator.JWKS, Status.Leader,
// Status.Peers, Status.Regions.
type OperatorGet struct{ nl.QueryOptions }

// SchedulerConfigReply answers Operator.SchedulerConfig.
type SchedulerConfigReply struct {
	SchedulerConfig *nl.SchedulerConfiguration
	nl.QueryMeta
}

// SchedulerConfigSet replaces it. Method Operator.SetSchedulerConfig, reply Updated.
type SchedulerConfigSet struct {
	nl.WriteOptions
	Config *nl.SchedulerConfiguration
	CAS    bool
	Expect uint64
}

// Updated tells whether a check-and-set wrote.
type Updated struct {
	Updated bool
	nl.WriteMeta
}

// AutopilotConfigReply answers Operator.AutopilotConfig.
type AutopilotConfigReply struct {
	Config *nl.AutopilotConfig
	nl.QueryMeta
}

// AutopilotConfigSet replaces it. Method Operator.SetAutopilotConfig, reply Updated.
type AutopilotConfigSet struct {
	nl.WriteOptions
	Config *nl.AutopilotConfig
	CAS    bool
	Expect uint64
}

// KeysReply answers Operator.Keys; only metadata leaves the servers.
type KeysReply struct {
	Keys []*nl.RootKeyMeta
	nl.QueryMeta
}

// KeyRotate makes a new active key, or one to become active at PublishTime.
// Method Operator.RotateKey, reply KeyRotated.
type KeyRotate struct {
	nl.WriteOptions
	Full        bool
	PublishTime int64 // unix ns, 0 = now
}

// KeyRotated answers KeyRotate.
type KeyRotated struct {
	Key *nl.RootKeyMeta
	nl.WriteMeta
}

// KeyDelete removes an inactive key. Method Operator.DeleteKey, reply Written.
type KeyDelete struct {
	nl.WriteOptions
	ID    string
	Force bool
}

// JWKSReply answers Operator.JWKS: the public keys, as JSON Web Keys.
type JWKSReply struct {
	Keys []JWK
	// RotatesAt is when the active key is expected to be replaced, unix ns.
	RotatesAt int64
	nl.QueryMeta
}

// JWK is one public RSA key.
type JWK struct {
	Use string `json:"use"`
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	N   string `json:"n"`
	E   string `json:"e"`
}

// Text answers with one string; Texts with several.
type Text struct {
	Text string
	nl.QueryMeta
}

// Texts answers with strings.
type Texts struct {
	Texts []string
	nl.QueryMeta
}

// EvalDequeue takes an evaluation to work on. Method Eval.Dequeue, reply EvalDequeued.
type EvalDequeue struct {
	nl.WriteOptions
	Types []string
}

// EvalDequeued answers EvalDequeue; Eval is nil when none came in time.
type EvalDequeued struct {
	Eval      *nl.Eval
	Token     string
	WaitIndex uint64
}

// EvalAck ends work on an evaluation. Methods Eval.Ack, Eval.Nack, reply Written.
type EvalAck struct {
	nl.WriteOptions
	EvalID string
	Token  string
}

// PlanSubmit submits a plan. Method Plan.Submit, reply nl.PlanResult. The job
// stands beside the plan since its allocations do not carry it.
type PlanSubmit struct {
	nl.WriteOptions
	Plan *nl.Plan
}

// EvalUpdate writes evaluations outside a plan. Method Eval.Update, reply Written.
type EvalUpdate struct {
	nl.WriteOptions
	Evals []*nl.Eval
}

// RaftPeer names one server of the log by ID or address. Methods
// Operator.RaftRemovePeer (no reply) and Operator.RaftTransfer (reply
// nl.LeadershipTransferResponse).
type RaftPeer struct {
	nl.WriteOptions
	ID, Address string
}
