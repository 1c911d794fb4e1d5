package nomadlike

// Event is a noun of the HTTP API.
type Event struct {
	Topic      string
	Type       string
	Key        string
	Namespace  string
	FilterKeys []string
	Index      uint64
	Payload    any
}

// Events is a noun of the HTTP API.
type Events struct {
	Index  uint64
	Events []*Event
}
