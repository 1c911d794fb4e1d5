// Package keyring encrypts the items of variables with the cluster's root keys
// and decrypts them. Endpoints call it for what users write and read, the
// leader's loops to encrypt anew. It never keeps a key or an item.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// The data of a variable is a nonce and the items, encrypted with AES-256-GCM.
// Namespace and path are authenticated with them, so that data moved from one
// variable to another cannot be opened.

func cipherOf(k *nl.RootKey) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Encryption)
	if err != nil {
		return nil, fmt.Errorf("root key %s cannot encrypt: %w", k.Meta.KeyID, err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func authenticated(v *nl.Variable) []byte { return []byte(v.Namespace + "\x00" + v.Path) }

// Seal encrypts the items into v with the active root key; without items it
// does nothing.
func Seal(s *store.Snapshot, v *nl.Variable, items map[string]string) error {
	if len(items) == 0 {
		return nil
	}
	key := s.ActiveRootKey()
	if key == nil {
		return nl.Errorf(nl.CodeUnavailable, "no active root key yet; retry")
	}
	plain, err := wire.Encode(items)
	if err != nil {
		return fmt.Errorf("encoding variable %q: %w", v.Path, err)
	}
	gcm, err := cipherOf(key)
	if err != nil {
		return err
	}
	v.KeyID, v.Data = key.Meta.KeyID, gcm.Seal(nil, nil, plain, authenticated(v))
	return nil
}

// Open decrypts the items of a stored variable.
func Open(s *store.Snapshot, v *nl.Variable) (map[string]string, error) {
	if len(v.Data) == 0 {
		return nil, nil
	}
	key := s.RootKey(v.KeyID)
	if key == nil {
		return nil, fmt.Errorf("variable %q is encrypted with root key %s, which this cluster does not have; "+
			"restore the key or write the variable again", v.Path, v.KeyID)
	}
	gcm, err := cipherOf(key)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nil, v.Data, authenticated(v))
	if err != nil {
		return nil, fmt.Errorf("variable %q cannot be decrypted with root key %s: the stored data is damaged; "+
			"write the variable again", v.Path, v.KeyID)
	}
	var items map[string]string
	if err := wire.Decode(plain, &items); err != nil {
		return nil, fmt.Errorf("decoding variable %q: %w", v.Path, err)
	}
	return items, nil
}
