package http

import (
	"context"
	"encoding/json"
	web "net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// Agent is what the API shows of the agent it belongs to.
type Agent interface {
	IsServer() bool
	IsClient() bool
	// Self is the agent's configuration (without secrets), member and statistics.
	Self() *nl.AgentSelf
	// Health is what is wrong with the server or the client, nil when nothing is.
	ServerHealth(ctx context.Context) error
	ClientHealth(ctx context.Context) error
	Members(region string) (*nl.ServerMembersResponse, error)
	// Servers are those a client may call; SetServers replaces them.
	Servers() []string
	SetServers(addrs []string) error
	Join(addrs []string) (int, error)
	ForceLeave(name string, prune bool) error
	Reload() error
	Schedulers() *nl.AgentSchedulerWorkersInfo
	SchedulerConfig() SchedulerWorkers
	SetSchedulerConfig(SchedulerWorkers) (SchedulerWorkers, error)
	// Metrics in the JSON form; Prometheus writes the text form.
	Metrics() (*Metrics, error)
	Prometheus(w web.ResponseWriter, r *web.Request)
}

// SchedulerWorkers is how many workers schedule what.
type SchedulerWorkers struct {
	ServerID          string   `json:"server_id"`
	NumSchedulers     int      `json:"num_schedulers"`
	EnabledSchedulers []string `json:"enabled_schedulers"`
}

// Metrics is a summary of metrics with the members clients of the JSON form read.
type Metrics struct {
	Timestamp       string
	Gauges          []nl.GaugeValue
	Points          []nl.PointValue
	Counters        []nl.SampledValue
	Samples         []nl.SampledValue
	PrecisionGauges []nl.GaugeValue
}

func (a *API) agentRoutes() []route {
	return []route{
		{path: "/v1/agent/self", by: methods{"GET": agentSelf}},
		{path: "/v1/agent/health", by: methods{"GET": agentHealth}},
		{path: "/v1/agent/members", by: methods{"GET": agentMembers}},
		{path: "/v1/agent/servers", by: methods{"GET": agentServers, "WRITE": agentSetServers}},
		{path: "/v1/agent/join", by: methods{"WRITE": agentJoin}},
		{path: "/v1/agent/force-leave", by: methods{"WRITE": agentForceLeave}},
		{path: "/v1/agent/reload", by: methods{"WRITE": agentReload}},
		{path: "/v1/agent/monitor", by: methods{"GET": agentMonitor}},
		{path: "/v1/agent/monitor/export", by: methods{"GET": agentMonitorExport}},
		{path: "/v1/agent/keyring/", by: methods{"ANY": agentKeyring}},
		{path: "/v1/agent/host", by: methods{"GET": agentHost}},
		{path: "/v1/agent/pprof/", by: methods{"GET": agentProfile}},
		{path: "/v1/agent/schedulers", by: methods{"GET": agentSchedulers}},
		{path: "/v1/agent/schedulers/config", by: methods{"GET": agentSchedulersConfig, "WRITE": agentSetSchedulersConfig}},
		{path: "/v1/metrics", by: methods{"GET": metrics}},
	}
}

func agentSelf(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	return r.api.cfg.Agent.Self(), nil
}

// agentAllowed is the right to look at the agent itself: with ACLs on nobody
// has it yet.
func (r *request) agentAllowed() error {
	if r.api.cfg.ACLEnabled {
		return nl.ErrPermissionDenied
	}
	return nil
}

type healthy struct {
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

func agentHealth(r *request) (any, error) {
	types := r.URL.Query()["type"]
	asked := func(t string) bool { return len(types) == 0 || slices.Contains(types, t) }
	out, ok := map[string]healthy{}, true
	check := func(name string, enabled bool, f func(context.Context) error) {
		if !asked(name) || len(types) == 0 && !enabled {
			return
		}
		h := healthy{OK: true, Message: "ok"}
		if !enabled {
			h = healthy{Message: name + " not enabled"}
		} else if err := f(r.Context()); err != nil {
			h = healthy{Message: err.Error()}
		}
		ok = ok && h.OK
		out[name] = h
	}
	a := r.api.cfg.Agent
	check("client", a.IsClient(), a.ClientHealth)
	check("server", a.IsServer(), a.ServerHealth)
	if ok {
		return out, nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return nil, nl.Errorf(nl.CodeInternal, "%s", body)
}

func agentMembers(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	return result(r.api.cfg.Agent.Members(r.URL.Query().Get("region")))
}

// result keeps a nil pointer from becoming an answer beside an error.
func result[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// errServerOnly is what client agents answer on routes of servers.
var errServerOnly = &nl.Error{Code: nl.CodeUnsupported, Text: "Invalid method"}

func agentServers(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	if !r.api.cfg.Agent.IsClient() {
		return nil, errServerOnly
	}
	out := slices.Clone(r.api.cfg.Agent.Servers())
	slices.Sort(out)
	return list(out), nil
}

// addresses are the non-empty values of a parameter.
func (r *request) addresses() (out []string) {
	for _, a := range r.URL.Query()["address"] {
		if a != "" {
			out = append(out, a)
		}
	}
	return out
}

func agentSetServers(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	if !r.api.cfg.Agent.IsClient() {
		return nil, errServerOnly
	}
	addrs := r.addresses()
	if len(addrs) == 0 {
		return nil, bad("missing server address")
	}
	return nil, r.api.cfg.Agent.SetServers(addrs)
}

func agentJoin(r *request) (any, error) {
	if !r.api.cfg.Agent.IsServer() {
		return nil, errServerOnly
	}
	if !r.URL.Query().Has("address") {
		return nil, bad("missing address to join")
	}
	n, err := r.api.cfg.Agent.Join(r.URL.Query()["address"])
	out := map[string]any{"num_joined": n, "error": "", "warning": ""}
	if err != nil {
		out["error"] = err.Error()
	}
	return out, nil
}

func agentForceLeave(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	if !r.api.cfg.Agent.IsServer() {
		return nil, errServerOnly
	}
	node := r.URL.Query().Get("node")
	if node == "" {
		return nil, bad("missing node to force leave")
	}
	prune, err := r.boolean("prune", r.URL.Query().Has("prune"), nl.CodeInternal)
	if err != nil {
		return nil, err
	}
	return nil, r.api.cfg.Agent.ForceLeave(node, prune)
}

func agentReload(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	return nil, r.api.cfg.Agent.Reload()
}

// target says which agent a route is about.
func (r *request) target() (query.OnNode, string, error) {
	q := r.URL.Query()
	node, server := q.Get("node_id"), q.Get("server_id")
	if node != "" && server != "" {
		return query.OnNode{}, "", bad("Cannot target node and server simultaneously")
	}
	return query.OnNode{QueryOptions: nl.QueryOptions{Region: r.region(), AuthToken: r.token()}, NodeID: node}, server, nil
}

func agentMonitor(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	on, server, err := r.target()
	if err != nil {
		return nil, err
	}
	req := &query.AgentMonitor{OnNode: on, ServerID: server, Level: strings.ToUpper(r.URL.Query().Get("log_level"))}
	if req.Level == "" {
		req.Level = "INFO"
	}
	if !slices.Contains([]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}, req.Level) {
		return nil, bad("Unknown log level: %s", r.URL.Query().Get("log_level"))
	}
	plain := false
	for name, to := range map[string]*bool{"log_json": &req.JSON, "log_include_location": &req.Location, "plain": &plain} {
		if *to, err = r.boolean(name, false, nl.CodeInvalid); err != nil {
			return nil, err
		}
	}
	s, err := r.api.cfg.Backend.Stream(r.Context(), "Agent.Monitor", req)
	if err != nil {
		return nil, internal(err)
	}
	defer s.Close()
	v, err := r.copyFrames(s, frameKind(plain))
	return v, internal(err)
}

// errNoExport tells what to ask instead: agents do not read logs that were
// written before.
var errNoExport = &nl.Error{Code: nl.CodeUnsupported, Text: "exporting written logs is not served yet; follow the log with /v1/agent/monitor"}

func agentMonitorExport(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	if _, _, err := r.target(); err != nil {
		return nil, err
	}
	var onDisk, follow, plain bool
	var err error
	for name, to := range map[string]*bool{"on_disk": &onDisk, "follow": &follow, "plain": &plain} {
		if *to, err = r.boolean(name, false, nl.CodeInvalid); err != nil {
			return nil, err
		}
	}
	service := r.URL.Query().Get("service_name")
	if v := r.URL.Query().Get("logs_since"); v != "" {
		if _, err := time.ParseDuration(v); err != nil {
			return nil, bad("Unable to parse logs_since: %v", err)
		}
	}
	switch {
	case onDisk && service != "":
		return nil, bad("Cannot target journald and nomad log file simultaneously")
	case !onDisk && service == "":
		return nil, bad("Either -service-name or -on-disk must be set")
	case onDisk && follow:
		return nil, bad("Cannot follow log file")
	}
	return nil, errNoExport
}

// internal shows any error as the server's own: this route knows no other.
func internal(err error) error {
	if err == nil {
		return nil
	}
	return nl.Errorf(nl.CodeInternal, "%s", err)
}

// debugAllowed is the right to look inside the process.
func (r *request) debugAllowed() error {
	if !r.api.cfg.EnableDebug || r.api.cfg.ACLEnabled {
		return nl.ErrPermissionDenied
	}
	return nil
}

func agentHost(r *request) (any, error) {
	if err := r.debugAllowed(); err != nil {
		return nil, err
	}
	on, server, err := r.target()
	if err != nil {
		return nil, err
	}
	var reply nl.HostData
	if err := r.call("Agent.Host", &query.AgentHost{OnNode: on, ServerID: server}, &reply); err != nil {
		return nil, err
	}
	if on.NodeID == "" && server == "" {
		return &reply, nil
	}
	return map[string]any{"AgentID": on.NodeID + server, "HostData": &reply}, nil
}

// profileMax bounds how long a profile takes.
const profileMax = 5 * time.Minute

func agentProfile(r *request) (any, error) {
	if err := r.debugAllowed(); err != nil {
		return nil, err
	}
	on, server, err := r.target()
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	seconds, _ := strconv.Atoi(q.Get("seconds"))
	debug, _ := strconv.Atoi(q.Get("debug"))
	gc, _ := strconv.Atoi(q.Get("gc"))
	length := min(time.Duration(max(seconds, 1))*time.Second, profileMax)
	req := &query.AgentProfile{OnNode: on, ServerID: server, Kind: r.rest, Seconds: length, Debug: debug, GC: gc > 0}
	var reply query.Profile
	if err := r.call("Agent.Profile", req, &reply); err != nil {
		return nil, err
	}
	for k, v := range reply.Headers {
		r.w.Header().Set(k, v)
	}
	r.w.Write(reply.Data)
	return written, nil
}

// errWorkersServer is what client agents answer about workers.
var errWorkersServer = &nl.Error{Code: nl.CodeInvalid, Text: "Server only endpoint"}

func agentSchedulers(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	if !r.api.cfg.Agent.IsServer() {
		return nil, errWorkersServer
	}
	return r.api.cfg.Agent.Schedulers(), nil
}

func agentSchedulersConfig(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	if !r.api.cfg.Agent.IsServer() {
		return nil, errWorkersServer
	}
	return r.api.cfg.Agent.SchedulerConfig(), nil
}

func agentSetSchedulersConfig(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	if !r.api.cfg.Agent.IsServer() {
		return nil, errWorkersServer
	}
	var body SchedulerWorkers
	if err := r.decode(&body); err != nil {
		return nil, tooLargeOr(err, bad("Invalid request: %s", err))
	}
	return result(r.api.cfg.Agent.SetSchedulerConfig(body))
}

func metrics(r *request) (any, error) {
	if r.URL.Query().Get("format") != "prometheus" {
		return result(r.api.cfg.Agent.Metrics())
	}
	if !r.api.cfg.PrometheusMetrics {
		return nil, nl.Errorf(415, "Prometheus is not enabled")
	}
	r.api.cfg.Agent.Prometheus(r.w, r.Request)
	return written, nil
}
