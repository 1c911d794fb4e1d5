package watch

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/gc"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/keyring"
)

// KeyRekeying is the state of a key whose variables are being encrypted anew.
const KeyRekeying = "rekeying"

const (
	// rekeyBatch bounds one entry of the log: variables are 64 KiB at most.
	rekeyBatch = 64
	// rekeyRetry is when variables that could not be read are tried again.
	rekeyRetry = 10 * time.Minute
)

// rekeyStep encrypts variables with the active key, some at a time, and retires
// a key that none is left of.
func rekeyStep(c *Config, now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
	left := map[string]int{}
	for k := range s.RootKeys() {
		if k.Meta.State == KeyRekeying {
			left[k.Meta.KeyID] = 0
		}
	}
	if len(left) == 0 {
		return nil, time.Time{}
	}
	var wake time.Time
	var batch []*nl.Variable
	for v := range s.Variables(nl.AllNamespaces, "") {
		if _, old := left[v.KeyID]; !old {
			continue
		}
		left[v.KeyID]++
		if len(batch) == rekeyBatch {
			continue
		}
		next := *v
		items, err := keyring.Open(s, v)
		if err == nil {
			err = keyring.Seal(s, &next, items)
		}
		if err != nil {
			c.Logger.Error("a variable could not be encrypted anew", "namespace", v.Namespace, "path", v.Path, "error", err)
			wake = now.Add(rekeyRetry)
			continue
		}
		batch = append(batch, &next)
	}
	var ops []op.Op
	if len(batch) > 0 {
		ops = append(ops, &op.RekeyVariables{Variables: batch})
	}
	for k := range s.RootKeys() {
		if n, rekeying := left[k.Meta.KeyID]; rekeying && n == 0 {
			retired, meta := *k, *k.Meta
			meta.State, retired.Meta = gc.StateInactive, &meta
			ops = append(ops, &op.UpsertRootKey{Key: &retired})
		}
	}
	return ops, wake
}
