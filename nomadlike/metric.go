package nomadlike

import "time"

// AllocMetric is a noun of the HTTP API.
type AllocMetric struct {
	NodesEvaluated     int                   `cbor:"1,keyasint,omitzero"`
	NodesFiltered      int                   `cbor:"2,keyasint,omitzero"`
	NodesInPool        int                   `cbor:"3,keyasint,omitzero"`
	NodePool           string                `cbor:"4,keyasint,omitzero"`
	NodesAvailable     map[string]int        `cbor:"5,keyasint,omitzero"`
	ClassFiltered      map[string]int        `cbor:"6,keyasint,omitzero"`
	ConstraintFiltered map[string]int        `cbor:"7,keyasint,omitzero"`
	NodesExhausted     int                   `cbor:"8,keyasint,omitzero"`
	ClassExhausted     map[string]int        `cbor:"9,keyasint,omitzero"`
	DimensionExhausted map[string]int        `cbor:"10,keyasint,omitzero"`
	QuotaExhausted     []string              `cbor:"11,keyasint,omitzero"`
	ResourcesExhausted map[string]*Resources `cbor:"12,keyasint,omitzero"`
	Scores             map[string]float64    `cbor:"13,keyasint,omitzero"`
	ScoreMetaData      []*NodeScoreMeta      `cbor:"14,keyasint,omitzero"`
	AllocationTime     time.Duration         `cbor:"15,keyasint,omitzero"`
	CoalescedFailures  int                   `cbor:"16,keyasint,omitzero"`
	// Reason is why nothing was placed where single nodes do not tell it: too few
	// of a gang fit.
	Reason string `json:"Reason,omitempty,omitzero" cbor:"17,keyasint,omitzero"`
}

// NodeScoreMeta is a noun of the HTTP API.
type NodeScoreMeta struct {
	NodeID    string     `cbor:"1,keyasint,omitzero"`
	Scores    ScoreTable `cbor:"2,keyasint,omitzero"`
	NormScore float64    `cbor:"3,keyasint,omitzero"`
}
