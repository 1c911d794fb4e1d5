package nomadlike

import (
	"crypto/sha256"
	"encoding/json"
)

// SetHash computes the hash that tells versions of a namespace apart: over
// everything its author says.
func (n *Namespace) SetHash() {
	c := *n
	c.Hash, c.CreateIndex, c.ModifyIndex = nil, 0, 0
	n.Hash = contentHash(c)
}

// SetHash computes the hash of a node pool.
func (p *NodePool) SetHash() {
	c := *p
	c.Hash, c.CreateIndex, c.ModifyIndex = nil, 0, 0
	p.Hash = contentHash(c)
}

// contentHash is the SHA-256 of the JSON form, which orders map keys.
func contentHash(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("hashing " + err.Error()) // nouns always have a JSON form
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// SetHashes computes the hash of every limit.
func (q *QuotaSpec) SetHashes() {
	for _, l := range q.Limits {
		c := *l
		c.Hash = nil
		l.Hash = contentHash(c)
	}
}
