package watch

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	// signingBits is the size of the RSA keys that sign identities.
	signingBits = 2048
	// encryptionBytes is the size of an AES-256 key.
	encryptionBytes = 32

	keyAlgorithm    = "aes256-gcm"
	keyActive       = "active"
	keyPrepublished = "prepublished"
)

// NewRootKey makes a root key that is not active yet; now is unix ns. The
// source must be of cryptographic quality.
func NewRootKey(random io.Reader, now int64, id string) (*nl.RootKey, error) {
	encryption := make([]byte, encryptionBytes)
	if _, err := io.ReadFull(random, encryption); err != nil {
		return nil, fmt.Errorf("reading randomness for a root key: %w", err)
	}
	private, err := rsa.GenerateKey(random, signingBits)
	if err != nil {
		return nil, fmt.Errorf("making the signing key of a root key: %w", err)
	}
	signing, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encoding the signing key of a root key: %w", err)
	}
	return &nl.RootKey{
		Meta:       &nl.RootKeyMeta{KeyID: id, Algorithm: keyAlgorithm, CreateTime: now, State: keyActive},
		Encryption: encryption, Signing: signing,
	}, nil
}

// keysStep names the cluster, makes its first key, publishes the next one at
// half the time of the active one, and puts it to use when that is over.
func keysStep(c *Config, now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
	var ops []op.Op
	if s.ClusterID() == "" {
		ops = append(ops, &op.SetClusterID{ID: c.NewID(), CreateTime: now})
	}
	active := s.ActiveRootKey()
	if active == nil {
		return append(ops, newKey(c, now, time.Time{})...), time.Time{}
	}
	created := time.Unix(0, active.Meta.CreateTime)
	if published := time.Unix(0, active.Meta.PublishTime); active.Meta.PublishTime != 0 {
		created = published
	}
	ends := created.Add(c.RootKeyRotation)
	if next := prepublished(s); next != nil {
		at := time.Unix(0, next.Meta.PublishTime)
		if at.After(now) {
			return ops, at
		}
		key := nl.DeepCopy(next)
		key.Meta.State = keyActive
		return append(ops, &op.UpsertRootKey{Key: key, Activate: true}), time.Time{}
	}
	if half := created.Add(c.RootKeyRotation / 2); half.After(now) {
		return ops, half
	}
	return append(ops, newKey(c, now, ends)...), time.Time{}
}

// newKey makes a key to be used from a time on; zero is at once.
func newKey(c *Config, now, from time.Time) []op.Op {
	key, err := NewRootKey(c.Random, now.UnixNano(), c.NewID())
	if err != nil {
		c.Logger.Error("no root key could be made; workload identities cannot be signed", "error", err)
		return nil
	}
	if from.IsZero() {
		return []op.Op{&op.UpsertRootKey{Key: key, Activate: true}}
	}
	key.Meta.State, key.Meta.PublishTime = keyPrepublished, from.UnixNano()
	return []op.Op{&op.UpsertRootKey{Key: key}}
}

// prepublished is the key that is used next, nil when there is none.
func prepublished(s *store.Snapshot) *nl.RootKey {
	var first *nl.RootKey
	for k := range s.RootKeys() {
		if k.Meta.State == keyPrepublished && (first == nil || k.Meta.PublishTime < first.Meta.PublishTime) {
			first = k
		}
	}
	return first
}
