package quota

import (
	"fmt"
	"math"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// unlimited is the limit of what is not limited.
const unlimited = int64(math.MaxInt64)

// bytesPerMB is how the size of variables is counted.
const bytesPerMB = 1 << 20

// Limits are what a quota allows in one region.
type Limits struct {
	Quota string
	// Variables is how much may be stored, bytes.
	Variables int64

	region bounds
	pools  map[string]bounds
}

// bounds are the limits of one place: the region, or a node pool of it.
type bounds struct {
	where                                  string // "" for the region; how reasons name it
	cpu, cores, memory, memoryMax, secrets int64
	devices                                []deviceBound
}

type deviceBound struct {
	name  string // as the quota writes it
	kind  deviceKind
	count int64
}

// deviceKind is a name of devices; empty parts match any.
type deviceKind struct{ vendor, kind, name string }

// For are the limits of the quota in a region, nil when it has none there. A
// nil quota limits nothing.
func For(q *nl.QuotaSpec, region string) *Limits {
	if q == nil {
		return nil
	}
	for _, limit := range q.Limits {
		if limit == nil || limit.Region != region {
			continue
		}
		l := &Limits{Quota: q.Name, Variables: variablesLimit(limit), region: noBounds(), pools: map[string]bounds{}}
		if r := limit.RegionLimit; r != nil {
			l.region = boundsOf(r.CPU, r.Cores, r.MemoryMB, r.MemoryMaxMB, r.SecretsMB, r.Devices)
			for _, p := range r.NodePools {
				b := boundsOf(p.CPU, p.Cores, p.MemoryMB, p.MemoryMaxMB, p.SecretsMB, p.Devices)
				b.where = fmt.Sprintf(" in node pool %q", p.NodePool)
				l.pools[p.NodePool] = b
			}
		}
		return l
	}
	return nil
}

// variablesLimit is the newer of the two fields that say it, where it is set.
func variablesLimit(l *nl.QuotaLimit) int64 {
	mb := 0
	if l.VariablesLimit != nil {
		mb = *l.VariablesLimit
	}
	if r := l.RegionLimit; r != nil && r.Storage != nil && r.Storage.VariablesMB != 0 {
		mb = r.Storage.VariablesMB
	}
	if n := limitOf(&mb); n < unlimited/bytesPerMB {
		return n * bytesPerMB
	}
	return unlimited
}

func noBounds() bounds { return boundsOf(nil, nil, nil, nil, nil, nil) }

func boundsOf(cpu, cores *int, memory, memoryMax *int64, secrets *int, devices []*nl.RequestedDevice) bounds {
	b := bounds{
		cpu: limitOf(cpu), cores: limitOf(cores), memory: limitOf(memory), memoryMax: limitOf(memoryMax), secrets: limitOf(secrets),
	}
	for _, d := range devices {
		if d.Count > 0 && d.Count < math.MaxInt64 {
			b.devices = append(b.devices, deviceBound{name: d.Name, kind: parseKind(d.Name), count: int64(d.Count)})
		}
	}
	return b
}

// limitOf reads a limit as quotas write it.
func limitOf[T int | int64](n *T) int64 {
	switch {
	case n == nil || *n == 0:
		return unlimited
	case *n < 0:
		return 0
	}
	return int64(*n)
}

// parseKind reads "type", "vendor/type" or "vendor/type/name".
func parseKind(name string) deviceKind {
	switch parts := strings.SplitN(name, "/", 3); len(parts) {
	case 1:
		return deviceKind{kind: parts[0]}
	case 2:
		return deviceKind{vendor: parts[0], kind: parts[1]}
	default:
		return deviceKind{parts[0], parts[1], parts[2]}
	}
}

// in counts the devices of the kind.
func (k deviceKind) in(u Use) int64 {
	sum := int64(0)
	for _, d := range u.Devices {
		if d.Type == k.kind && (k.vendor == "" || d.Vendor == k.vendor) && (k.name == "" || d.Name == k.name) {
			sum += d.Count
		}
	}
	return sum
}

// LimitsPool tells whether a node pool has limits of its own.
func (l *Limits) LimitsPool(pool string) bool {
	_, own := l.pools[pool]
	return own
}

// Region names what more would be used in the whole region than before and
// than allowed; nothing when it fits.
func (l *Limits) Region(before, after Use) []string { return l.region.exceeded(before, after) }

// Pool is Region for the nodes of one pool.
func (l *Limits) Pool(pool string, before, after Use) []string {
	b, own := l.pools[pool]
	if !own {
		return nil
	}
	return b.exceeded(before, after)
}

// Ledger is what going from one ledger to another would exceed.
func (l *Limits) Ledger(before, after *Ledger) []string {
	out := l.Region(before.Total(), after.Total())
	for _, p := range after.Pools {
		out = append(out, l.Pool(p.Pool, before.In(p.Pool), p.Use)...)
	}
	return out
}

func (b *bounds) exceeded(before, after Use) []string {
	var out []string
	check := func(what string, was, is, limit int64) {
		if is > limit && is > was {
			out = append(out, fmt.Sprintf("%s exhausted%s (%d needed > %d limit)", what, b.where, is, limit))
		}
	}
	check("cpu", before.CPU, after.CPU, b.cpu)
	check("cores", before.Cores, after.Cores, b.cores)
	check("memory", before.Memory, after.Memory, b.memory)
	check("memory_max", before.MemoryMax, after.MemoryMax, b.memoryMax)
	check("secrets", before.Secrets, after.Secrets, b.secrets)
	for _, d := range b.devices {
		check("device "+d.name, d.kind.in(before), d.kind.in(after), d.count)
	}
	return out
}
