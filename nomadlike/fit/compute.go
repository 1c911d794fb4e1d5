package fit

import nl "github.com/nomadlike/nomadlike/nomadlike"

// Rate is how fast the cores of a node are together. The zero value is that of
// a node that does not tell how many it has.
type Rate struct {
	MHz, Cores int64
}

// RateOf is the rate of a node's cores, those included that it keeps for itself.
func RateOf(n *nl.Node) Rate {
	r := n.NodeResources
	if r == nil {
		return Rate{}
	}
	if t := r.Processors.Topology; t != nil && len(t.Cores) > 0 {
		return Rate{compute(t), int64(len(t.Cores))}
	}
	if r.Cpu.TotalCpuCores == 0 {
		return Rate{}
	}
	return Rate{r.Cpu.CpuShares, int64(r.Cpu.TotalCpuCores)}
}

// OfCores is how many MHz whole cores have on average.
func (r Rate) OfCores(cores int64) int64 { return r.Share(cores * thousand) }

// thousand is how many thousandths make a core.
const thousand = 1000

// Share is how many MHz thousandths of a core are, rounded up; 0 where the
// number of cores is not known.
func (r Rate) Share(millis int64) int64 {
	if r.Cores == 0 {
		return 0
	}
	whole := r.Cores * thousand
	return (millis*r.MHz + whole - 1) / whole
}
