package nomadlike

// Token (Produced by the standard encoder.)
type Token struct {
	// full only in token routes; "" in events
	SecretID string
	// client|management
	Type string
	// answers fill Name
	Roles []*ACLTokenRoleLink
	// b64
	Hash []byte
	// null or time
	ExpirationTime Time
	// duration **string**, "" when zero
	ExpirationTTL string
	AccessorID    string
	Name          string
	Policies      []string
	Global        bool
	CreateTime    Time
	CreateIndex   uint64
	ModifyIndex   uint64
}

// ACLTokenListStub is a noun of the HTTP API.
type ACLTokenListStub struct {
	AccessorID     string
	Name           string
	Type           string
	Policies       []string
	Roles          []*ACLTokenRoleLink
	Global         bool
	Hash           []byte
	CreateTime     Time
	ExpirationTime Time
	CreateIndex    uint64
	ModifyIndex    uint64
}

// ACLTokenRoleLink is a noun of the HTTP API.
type ACLTokenRoleLink struct {
	ID   string
	Name string
}

// Policy is what the HTTP API shows as ACLPolicy.
type Policy struct {
	// only on single read: {Namespaces:[{Name, Policy, Capabilities (expanded), Variables:{Paths:[{PathSpec, Capabilities}]}}], NodePools, HostVolumes, Agent, Node, Operator, Sentinel, Quota, Plugin, Raw, ExtraKeysHCL}
	RulesJSON *Policy
	// b64
	Hash        []byte
	Name        string
	Description string
	Rules       string
	JobACL      *JobACL
	CreateIndex uint64
	ModifyIndex uint64
}

// ACLPolicyListStub is a noun of the HTTP API.
type ACLPolicyListStub struct {
	Name        string
	Description string
	JobACL      *JobACL
	Hash        []byte
	CreateIndex uint64
	ModifyIndex uint64
}

// JobACL is a noun of the HTTP API.
type JobACL struct {
	Namespace string
	JobID     string
	Group     string
	Task      string
}

// Role is what the HTTP API shows as ACLRole.
type Role struct {
	ID          string
	Name        string
	Description string
	Policies    []*ACLRolePolicyLink
	Hash        []byte
	CreateIndex uint64
	ModifyIndex uint64
}

// ACLRoleListStub is a noun of the HTTP API.
type ACLRoleListStub struct {
	ID          string
	Name        string
	Description string
	Policies    []*ACLRolePolicyLink
	Hash        []byte
	CreateIndex uint64
	ModifyIndex uint64
}

// ACLRolePolicyLink is a noun of the HTTP API.
type ACLRolePolicyLink struct {
	Name string
}

// ACLAuthMethod is a noun of the HTTP API.
type ACLAuthMethod struct {
	// OIDC|JWT
	Type string
	// local|global
	TokenLocality string
	// duration string
	MaxTokenTTL     string
	Name            string
	TokenNameFormat string
	Default         bool
	Config          *ACLAuthMethodConfig
	Hash            []byte
	CreateTime      Time
	ModifyTime      Time
	CreateIndex     uint64
	ModifyIndex     uint64
}

// ACLAuthMethodStub is a noun of the HTTP API.
type ACLAuthMethodStub struct {
	Name        string
	Type        string
	Default     bool
	Hash        []byte
	CreateIndex uint64
	ModifyIndex uint64
}

// ACLAuthMethodConfig is a noun of the HTTP API.
type ACLAuthMethodConfig struct {
	// `redacted` on reads
	OIDCClientSecret string
	// duration string
	ExpirationLeeway string
	// duration string
	NotBeforeLeeway string
	// duration string
	ClockSkewLeeway      string
	JWTValidationPubKeys []string
	JWKSURL              string
	OIDCDiscoveryURL     string
	OIDCClientID         string
	OIDCClientAssertion  *OIDCClientAssertion
	OIDCEnablePKCE       bool
	OIDCDisableUserInfo  bool
	OIDCScopes           []string
	BoundAudiences       []string
	BoundIssuer          []string
	AllowedRedirectURIs  []string
	DiscoveryCaPem       []string
	JWKSCACert           string
	SigningAlgs          []string
	ClaimMappings        map[string]string
	ListClaimMappings    map[string]string
	VerboseLogging       bool
}

// OIDCClientAssertion is a noun of the HTTP API.
type OIDCClientAssertion struct {
	KeySource    string
	Audience     []string
	PrivateKey   *OIDCClientAssertionKey
	ExtraHeaders map[string]string
	KeyAlgorithm string
	ClientSecret string
}

// OIDCClientAssertionKey is a noun of the HTTP API.
type OIDCClientAssertionKey struct {
	PemKey      string
	PemKeyFile  string
	KeyIDHeader string
	PemCert     string
	PemCertFile string
	KeyID       string
}

// ACLBindingRule is a noun of the HTTP API.
type ACLBindingRule struct {
	// role|policy|management
	BindType    string
	ID          string
	Description string
	AuthMethod  string
	Selector    string
	BindName    string
	Hash        []byte
	CreateTime  Time
	ModifyTime  Time
	CreateIndex uint64
	ModifyIndex uint64
}

// ACLBindingRuleListStub is a noun of the HTTP API.
type ACLBindingRuleListStub struct {
	ID          string
	Description string
	AuthMethod  string
	Hash        []byte
	CreateIndex uint64
	ModifyIndex uint64
}

// OneTimeToken is a noun of the HTTP API.
type OneTimeToken struct {
	OneTimeSecretID string
	AccessorID      string
	ExpiresAt       Time
	CreateIndex     uint64
	ModifyIndex     uint64
}
