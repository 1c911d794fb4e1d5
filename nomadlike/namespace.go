package nomadlike

// Namespace is a noun of the HTTP API.
type Namespace struct {
	// name of the QuotaSpec that limits the namespace; "" is none
	Quota string
	// b64
	Hash                  []byte
	Name                  string
	Description           string
	Capabilities          *NamespaceCapabilities
	NodePoolConfiguration *NamespaceNodePoolConfiguration
	VaultConfiguration    *NamespaceVaultConfiguration
	ConsulConfiguration   *NamespaceConsulConfiguration
	Meta                  map[string]string
	CreateIndex           uint64
	ModifyIndex           uint64
	// Weight is the namespace's part of what batch jobs get when the cluster is
	// full and the scheduler shares fairly, against those of other namespaces;
	// 0 stands for 1.
	Weight              int `json:"Weight,omitempty"`
	RequiredExtraClaims map[string]string
	OptionalExtraClaims map[string]string
}

// NamespaceWeightDefault is the weight of namespaces that set none.
const NamespaceWeightDefault = 1

// NamespaceCapabilities is what tasks of a namespace may use. An empty list of
// what is enabled enables everything.
type NamespaceCapabilities struct {
	EnabledTaskDrivers   []string
	DisabledTaskDrivers  []string
	EnabledNetworkModes  []string
	DisabledNetworkModes []string
}

// NamespaceNodePoolConfiguration is which node pools jobs of a namespace may use
// beside the default one: patterns of those allowed (nil: all) or denied.
type NamespaceNodePoolConfiguration struct {
	Default string
	Allowed []string
	Denied  []string
}

// NamespaceVaultConfiguration is a noun of the HTTP API.
type NamespaceVaultConfiguration struct {
	Default string
	Allowed []string
	Denied  []string
}

// NamespaceConsulConfiguration is a noun of the HTTP API.
type NamespaceConsulConfiguration struct {
	Default string
	Allowed []string
	Denied  []string
}
