package nomadlike

import "time"

// TaskState (State pending|running|dead.)
type TaskState struct {
	// null if never
	LastRestart Time `cbor:"1,keyasint,omitzero"`
	// null until started
	StartedAt Time `cbor:"2,keyasint,omitzero"`
	// null until dead
	FinishedAt Time `cbor:"3,keyasint,omitzero"`
	// "" or schedule state
	Paused   string       `cbor:"4,keyasint,omitzero"`
	State    string       `cbor:"5,keyasint,omitzero"`
	Failed   bool         `cbor:"6,keyasint,omitzero"`
	Restarts uint64       `cbor:"7,keyasint,omitzero"`
	Events   []*TaskEvent `cbor:"8,keyasint,omitzero"`
}

// TaskEvent is a noun of the HTTP API.
type TaskEvent struct {
	// behaviour 6.3
	Type string `cbor:"1,keyasint,omitzero"`
	// unix ns
	Time int64 `cbor:"2,keyasint,omitzero"`
	// authoritative key/values
	Details map[string]string `cbor:"3,keyasint,omitzero"`
	// ns
	KillTimeout time.Duration `cbor:"4,keyasint,omitzero"`
	// ns as int
	StartDelay int64 `cbor:"5,keyasint,omitzero"`
	// bytes
	DiskLimit        int64  `cbor:"6,keyasint,omitzero"`
	Message          string `cbor:"7,keyasint,omitzero"`
	DisplayMessage   string `cbor:"8,keyasint,omitzero"`
	FailsTask        bool   `cbor:"9,keyasint,omitzero"`
	RestartReason    string `cbor:"10,keyasint,omitzero"`
	SetupError       string `cbor:"11,keyasint,omitzero"`
	DriverError      string `cbor:"12,keyasint,omitzero"`
	ExitCode         int    `cbor:"13,keyasint,omitzero"`
	Signal           int    `cbor:"14,keyasint,omitzero"`
	KillError        string `cbor:"15,keyasint,omitzero"`
	KillReason       string `cbor:"16,keyasint,omitzero"`
	DownloadError    string `cbor:"17,keyasint,omitzero"`
	ValidationError  string `cbor:"18,keyasint,omitzero"`
	FailedSibling    string `cbor:"19,keyasint,omitzero"`
	VaultError       string `cbor:"20,keyasint,omitzero"`
	TaskSignalReason string `cbor:"21,keyasint,omitzero"`
	TaskSignal       string `cbor:"22,keyasint,omitzero"`
	DriverMessage    string `cbor:"23,keyasint,omitzero"`
	GenericSource    string `cbor:"24,keyasint,omitzero"`
}
