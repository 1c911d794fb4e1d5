package nomadlike

// RootKey is one generation of the cluster's keys: the key that encrypts
// variables and the key that signs identities. It is replicated in the log and
// never shown by an API; PublicKey alone is published.
type RootKey struct {
	Meta       *RootKeyMeta
	Encryption []byte // AES-256 key
	Signing    []byte // PKCS #8 private key (RSA 2048)
}
