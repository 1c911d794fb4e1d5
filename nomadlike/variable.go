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
