package agent

import (
	"math"
	web "net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/server/http"
)

// metricsTimeFormat is how the JSON form tells its time.
const metricsTimeFormat = "2006-01-02 15:04:05 +0000 UTC"

// gauge is one value told when metrics are read.
type gauge struct {
	name   string // with the prefix nomad_
	labels map[string]string
	value  float64
}

// collector reads gauges at the moment they are asked for.
type collector struct{ read func() []gauge }

// Describe tells nothing ahead: what there is depends on what runs.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads all gauges.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, g := range c.read() {
		names := make([]string, 0, len(g.labels))
		for k := range g.labels {
			names = append(names, k)
		}
		slices.Sort(names)
		values := make([]string, len(names))
		for i, k := range names {
			values[i] = g.labels[k]
		}
		desc := prometheus.NewDesc(g.name, g.name, names, nil)
		if m, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, g.value, values...); err == nil {
			out <- m
		}
	}
}

// newRegistry holds everything that can be measured of the agent.
func newRegistry(read func() []gauge) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{read})
	return r
}

// Prometheus writes the text form.
func (a *Agent) Prometheus(w web.ResponseWriter, r *web.Request) {
	families, err := a.registry.Gather()
	if err != nil {
		web.Error(w, "gathering metrics: "+err.Error(), web.StatusInternalServerError)
		return
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain).WithEscapingScheme(model.UnderscoreEscaping)
	w.Header().Set("Content-Type", string(format))
	enc := expfmt.NewEncoder(w, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return // the reader has gone
		}
	}
}

// Metrics is the JSON form: names as dashboards know them, with dots.
func (a *Agent) Metrics() (*http.Metrics, error) {
	families, err := a.registry.Gather()
	if err != nil {
		return nil, err
	}
	out := &http.Metrics{Timestamp: time.Now().UTC().Truncate(10 * time.Second).Format(metricsTimeFormat),
		Gauges: []nl.GaugeValue{}, Points: []nl.PointValue{}, Counters: []nl.SampledValue{}, Samples: []nl.SampledValue{},
		PrecisionGauges: []nl.GaugeValue{}}
	for _, f := range families {
		name := dotted(f.GetName())
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			switch f.GetType() {
			case dto.MetricType_GAUGE:
				out.Gauges = append(out.Gauges, nl.GaugeValue{Name: name, Value: finite(m.GetGauge().GetValue()), Labels: labels})
			case dto.MetricType_COUNTER:
				out.Counters = append(out.Counters, sampled(name, labels, 1, m.GetCounter().GetValue()))
			case dto.MetricType_SUMMARY:
				s := m.GetSummary()
				out.Samples = append(out.Samples, sampled(name, labels, int(s.GetSampleCount()), s.GetSampleSum()))
			}
		}
	}
	return out, nil
}

// finite keeps values that JSON cannot hold out of it.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func sampled(name string, labels map[string]string, count int, sum float64) nl.SampledValue {
	sum = finite(sum)
	v := nl.SampledValue{Name: name, Labels: labels}
	v.Count, v.Sum, v.Max, v.Min = count, sum, sum, sum
	if count > 0 {
		v.Mean = sum / float64(count)
	}
	return v
}

// metricGroups are the prefixes of names and how they are written with dots;
// the first that fits counts.
var metricGroups = [][2]string{
	{"client_host_memory_", "client.host.memory."}, {"client_host_disk_", "client.host.disk."}, {"client_host_cpu_", "client.host.cpu."},
	{"client_allocs_memory_", "client.allocs.memory."}, {"client_allocs_cpu_", "client.allocs.cpu."}, {"client_allocs_", "client.allocs."},
	{"client_allocations_", "client.allocations."}, {"client_allocated_", "client.allocated."}, {"client_unallocated_", "client.unallocated."},
	{"client_tasks_", "client.tasks."}, {"client_", "client."}, {"nomad_broker_", "nomad.broker."},
	{"nomad_blocked_evals_", "nomad.blocked_evals."}, {"nomad_plan_", "nomad.plan."}, {"nomad_job_status_", "nomad.job_status."},
	{"nomad_job_summary_", "nomad.job_summary."}, {"nomad_heartbeat_", "nomad.heartbeat."}, {"raft_", "raft."}, {"serf_", "serf."}, {"runtime_", "runtime."},
}

// dotted turns nomad_client_host_cpu_idle into nomad.client.host.cpu.idle.
// Words that hold underscores of their own keep them.
func dotted(name string) string {
	rest, ok := strings.CutPrefix(name, "nomad_")
	if !ok {
		return name
	}
	for _, g := range metricGroups {
		if tail, ok := strings.CutPrefix(rest, g[0]); ok {
			return "nomad." + g[1] + tail
		}
	}
	return "nomad." + rest
}
