package nomadlike

// VariableMetadata is a noun of the HTTP API.
type VariableMetadata struct {
	// unix ns
	CreateTime int64
	// unix ns
	ModifyTime  int64
	Namespace   string
	Path        string
	Lock        *VariableLock `json:"Lock,omitempty,omitzero"`
	CreateIndex uint64
	ModifyIndex uint64
}

// VariableLock is a noun of the HTTP API.
type VariableLock struct {
	// duration string
	TTL string
	// duration string
	LockDelay string
	ID        string
}

// VariableDecrypted is a noun of the HTTP API.
type VariableDecrypted struct {
	Namespace   string
	Path        string
	Lock        *VariableLock `json:"Lock,omitempty,omitzero"`
	CreateIndex uint64
	CreateTime  int64
	ModifyIndex uint64
	ModifyTime  int64
	Items       map[string]string `json:"Items,omitempty,omitzero"`
}

// Variable is a variable as it is stored: only who has the root key can read
// its items.
type Variable struct {
	VariableMetadata
	// KeyID names the root key that Data is encrypted with; "" when there are
	// no items.
	KeyID string
	Data  []byte
	// LockableFrom is when a lock may be acquired again after one ran out,
	// unix ns; 0 is at any time.
	LockableFrom int64
}

// Decrypted is the variable with its items, for the API.
func (v *Variable) Decrypted(items map[string]string) *VariableDecrypted {
	return &VariableDecrypted{
		Namespace: v.Namespace, Path: v.Path, Lock: v.Lock, CreateIndex: v.CreateIndex, CreateTime: v.CreateTime,
		ModifyIndex: v.ModifyIndex, ModifyTime: v.ModifyTime, Items: items,
	}
}

// LockID is the ID of the lock that is held on the variable, "" without.
func (v *Variable) LockID() string {
	if v == nil || v.Lock == nil {
		return ""
	}
	return v.Lock.ID
}
