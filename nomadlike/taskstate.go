package nomadlike

import "time"

// TaskState (State pending|running|dead.)
type TaskState struct {
	// null if never
	LastRestart Time
	// null until started
	StartedAt Time
	// null until dead
	FinishedAt Time
	// "" or schedule state
	Paused   string
	State    string
	Failed   bool
	Restarts uint64
	Events   []*TaskEvent
}

// TaskEvent is a noun of the HTTP API.
type TaskEvent struct {
	// behaviour 6.3
	Type string
	// unix ns
	Time int64
	// authoritative key/values
	Details map[string]string
	// ns
	KillTimeout time.Duration
	// ns as int
	StartDelay int64
	// bytes
	DiskLimit        int64
	Message          string
	DisplayMessage   string
	FailsTask        bool
	RestartReason    string
	SetupError       string
	DriverError      string
	ExitCode         int
	Signal           int
	KillError        string
	KillReason       string
	DownloadError    string
	ValidationError  string
	FailedSibling    string
	VaultError       string
	TaskSignalReason string
	TaskSignal       string
	DriverMessage    string
	GenericSource    string
}
