package nomadlike

// ServiceRegistration is a noun of the HTTP API.
type ServiceRegistration struct {
	// behaviour 11
	ID          string
	ServiceName string
	Namespace   string
	NodeID      string
	Datacenter  string
	JobID       string
	AllocID     string
	Tags        []string
	Address     string
	Port        int
	CreateIndex uint64
	ModifyIndex uint64
}

// ServiceRegistrationListStub is a noun of the HTTP API.
type ServiceRegistrationListStub struct {
	Namespace string
	Services  []*ServiceRegistrationStub
}

// ServiceRegistrationStub is a noun of the HTTP API.
type ServiceRegistrationStub struct {
	ServiceName string
	Tags        []string
}
