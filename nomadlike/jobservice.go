package nomadlike

import "time"

// Service is a network service that tasks offer, to be found by name. A
// request may say CheckRestart, which is merged into each check.
type Service struct {
	// default `<job>-<group>[-<task>]`
	Name string
	// owner task of a group service
	TaskName string
	// port label or number
	PortLabel string
	// default `auto`; auto|host|driver|alloc|alloc_ipv6
	AddressMode string
	// null or list
	Checks []*ServiceCheck
	// consul only; {Passing 1, Warning 1} when given
	Weights *ServiceWeights
	// consul: `default`; nomad: job namespace
	Namespace string
	// default `require_healthy`; require_healthy|ignore_warnings|ignore
	OnUpdate string
	// default `consul`; consul|nomad; one provider per group
	Provider string
	// default `default`
	Cluster           string
	Address           string
	EnableTagOverride bool
	Tags              []string
	CanaryTags        []string
	Connect           *ConsulConnect
	Meta              map[string]string
	CanaryMeta        map[string]string
	TaggedAddresses   map[string]string
	Identity          *WorkloadIdentity
	Kind              string
}

// ServiceCheck is a probe of a service.
type ServiceCheck struct {
	// default `service: "<svc>" check`
	Name string
	// http|tcp|script|grpc (nomad provider: http, tcp)
	Type string
	// required for http
	Path string
	// http|https
	Protocol string
	// ns, min 1 s, required
	Interval time.Duration
	// ns, min 1 s, required
	Timeout time.Duration
	// consul: passing|warning|critical|""
	InitialStatus string
	// default GET for http
	Method string
	// merged from service
	CheckRestart *CheckRestart
	// >= 0
	SuccessBeforePassing int
	// >= 0
	FailuresBeforeCritical int
	// >= 0
	FailuresBeforeWarning int
	// default: service value
	OnUpdate      string
	Command       string
	Args          []string
	PortLabel     string
	Expose        bool
	AddressMode   string
	Notes         string
	TLSServerName string
	TLSSkipVerify bool
	Header        map[string][]string
	GRPCService   string
	GRPCUseTLS    bool
	TaskName      string
	Body          string
}

// CheckRestart restarts a task whose check keeps failing.
type CheckRestart struct {
	// 0 = off
	Limit int
	// default 1 s
	Grace time.Duration
	// false
	IgnoreWarnings bool
}

// ServiceWeights are a service's weights in DNS answers, by state.
type ServiceWeights struct {
	Passing int
	Warning int
}
