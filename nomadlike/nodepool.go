package nomadlike

import "time"

// NodePool is a noun of the HTTP API.
type NodePool struct {
	// ns in answers (default 24 h); string accepted
	NodeIdentityTTL time.Duration
	// b64?
	Hash                   []byte
	Name                   string
	Description            string
	Meta                   map[string]string
	SchedulerConfiguration *NodePoolSchedulerConfiguration
	CreateIndex            uint64
	ModifyIndex            uint64
}

// NodePoolSchedulerConfiguration is a noun of the HTTP API.
type NodePoolSchedulerConfiguration struct {
	SchedulerAlgorithm            string
	MemoryOversubscriptionEnabled *bool
}
