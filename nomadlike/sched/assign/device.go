package assign

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// deviceAsk is a compiled request for devices.
type deviceAsk struct {
	name        string
	count       int
	constraints []deviceCheck
	affinities  []deviceAffinity
	weights     float64 // sum of the absolute weights
}

type deviceCheck struct {
	check       *expr.Check
	left, right string
}

type deviceAffinity struct {
	deviceCheck
	weight float64
}

func newDevice(d *nl.RequestedDevice) (deviceAsk, error) {
	out := deviceAsk{name: d.Name, count: int(d.Count)}
	if out.count == 0 {
		out.count = 1
	}
	for _, c := range d.Constraints {
		check, err := newDeviceCheck(c.LTarget, c.Operand, c.RTarget)
		if err != nil {
			return out, fmt.Errorf("device %q: %w", d.Name, err)
		}
		out.constraints = append(out.constraints, check)
	}
	for _, f := range d.Affinities {
		check, err := newDeviceCheck(f.LTarget, f.Operand, f.RTarget)
		if err != nil {
			return out, fmt.Errorf("device %q: %w", d.Name, err)
		}
		out.affinities = append(out.affinities, deviceAffinity{check, float64(f.Weight)})
		out.weights += math.Abs(float64(f.Weight))
	}
	return out, nil
}

func newDeviceCheck(left, operand, right string) (deviceCheck, error) {
	check, err := expr.Compile(operand, left, right)
	return deviceCheck{check, left, right}, err
}

// is tells whether the request's name stands for the device: a type, a vendor
// and a type, or all three.
func (d *deviceAsk) is(info *nl.NodeDeviceResource) bool {
	parts := strings.SplitN(d.name, "/", 3)
	switch len(parts) {
	case 1:
		return parts[0] == info.Type
	case 2:
		return parts[0] == info.Vendor && parts[1] == info.Type
	}
	return parts[0] == info.Vendor && parts[1] == info.Type && parts[2] == info.Name
}

func (d *deviceAsk) matches(info *nl.NodeDeviceResource) bool {
	if !d.is(info) {
		return false
	}
	for _, c := range d.constraints {
		if !c.test(info) {
			return false
		}
	}
	return true
}

// score is how well the affinities like the device, -1 to 1.
func (d *deviceAsk) score(info *nl.NodeDeviceResource) float64 {
	if d.weights == 0 {
		return 0
	}
	sum := 0.0
	for _, a := range d.affinities {
		if a.test(info) {
			sum += a.weight
		}
	}
	return sum / d.weights
}

func (c *deviceCheck) test(info *nl.NodeDeviceResource) bool {
	left, leftSet := deviceValue(c.left, info)
	right, rightSet := deviceValue(c.right, info)
	left, right = sameUnit(left, right)
	return c.check.Values(left, leftSet, right, rightSet)
}

// deviceValue resolves a target on a device.
func deviceValue(target string, info *nl.NodeDeviceResource) (string, bool) {
	if !strings.HasPrefix(target, "${device.") {
		return target, !strings.HasPrefix(target, "${")
	}
	ref := strings.TrimSuffix(target[len("${device."):], "}")
	switch ref {
	case "model":
		return info.Name, true
	case "vendor":
		return info.Vendor, true
	case "type":
		return info.Type, true
	case "ids":
		ids := make([]string, 0, len(info.Instances))
		for _, i := range info.Instances {
			ids = append(ids, i.ID)
		}
		return strings.Join(ids, ","), true
	}
	if key, ok := strings.CutPrefix(ref, "attr."); ok {
		value, found := info.Attributes[key]
		return value.Text(), found
	}
	return "", false
}

// sameUnit brings two quantities of one dimension to its base unit, so that
// they compare as numbers; anything else stays as it is.
func sameUnit(left, right string) (string, string) {
	l, leftDim := quantity(left)
	r, rightDim := quantity(right)
	if leftDim == "" || leftDim != rightDim {
		return left, right
	}
	format := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return format(l), format(r)
}

// quantity reads "8 GiB" as a number of base units and its dimension, which is
// "" for what is no quantity.
func quantity(s string) (float64, string) {
	at := strings.LastIndexAny(s, "0123456789. ") + 1
	number, unit := strings.TrimSpace(s[:at]), strings.TrimSpace(s[at:])
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || unit == "" {
		return 0, ""
	}
	rate := strings.HasSuffix(unit, "/s")
	unit = strings.TrimSuffix(unit, "/s")
	for _, base := range [...]string{"B", "Hz", "W"} {
		prefix, found := strings.CutSuffix(unit, base)
		if !found {
			continue
		}
		factor, known := unitPrefix(prefix)
		if !known {
			continue
		}
		if rate {
			base += "/s"
		}
		return value * factor, base
	}
	return 0, ""
}

func unitPrefix(p string) (float64, bool) {
	if p == "" {
		return 1, true
	}
	if p == "m" {
		return 1e-3, true
	}
	power := strings.Index("kMGTPE", strings.TrimSuffix(strings.ReplaceAll(p, "K", "k"), "i"))
	if power < 0 || len(strings.TrimSuffix(p, "i")) != 1 {
		return 0, false
	}
	if strings.HasSuffix(p, "i") {
		return math.Pow(1024, float64(power+1)), true
	}
	return math.Pow(1000, float64(power+1)), true
}

// HasDevices tells whether a node has, at all, the devices the group asks for.
func (a *Ask) HasDevices(n *nl.Node) bool {
	left := map[string]int{}
	for _, t := range a.tasks {
		for i := range t.devices {
			d := &t.devices[i]
			found := false
			if n.NodeResources == nil {
				return false
			}
			for _, info := range n.NodeResources.Devices {
				key := info.Vendor + "/" + info.Type + "/" + info.Name
				if _, seen := left[key]; !seen {
					left[key] = healthy(info)
				}
				if left[key] >= d.count && d.matches(info) {
					left[key] -= d.count
					found = true
					break
				}
			}
			if !found {
				return false
			}
		}
	}
	return true
}

// WantsDevices tells whether the group asks for any device.
func (a *Ask) WantsDevices() bool { return a.devices }

func healthy(info *nl.NodeDeviceResource) int {
	count := 0
	for _, i := range info.Instances {
		if i.Healthy {
			count++
		}
	}
	return count
}

const noDevices = "devices: no devices match request"

func (a *Ask) devicesFit(n *fit.Node) string {
	if _, ok := a.chooseDevices(n); !ok {
		return noDevices
	}
	return ""
}

// chosen are the instances one request got.
type chosen struct {
	task  string
	group *fit.DeviceGroup
	ids   []string
	score float64
	ask   *deviceAsk
}

// chooseDevices finds instances for every request, each from the device group
// its affinities like best.
func (a *Ask) chooseDevices(n *fit.Node) ([]chosen, bool) {
	var out []chosen
	groups := n.Devices().Groups
	taken := map[*fit.DeviceGroup][]string{}
	for _, t := range a.tasks {
		for i := range t.devices {
			d := &t.devices[i]
			var best *chosen
			for _, g := range groups {
				if !d.matches(g.Info) {
					continue
				}
				ids := freeIDs(g, taken[g])
				if len(ids) < d.count {
					continue
				}
				if score := d.score(g.Info); best == nil || score > best.score {
					best = &chosen{task: t.task.Name, group: g, ids: ids[:d.count], score: score, ask: d}
				}
			}
			if best == nil {
				return nil, false
			}
			taken[best.group] = append(taken[best.group], best.ids...)
			out = append(out, *best)
		}
	}
	return out, true
}

func freeIDs(g *fit.DeviceGroup, taken []string) []string {
	var ids []string
	for _, i := range g.Free() {
		if !slices.Contains(taken, i.ID) {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// DeviceScore is how well the affinities like what the node would give; ok is
// false when no device request has any.
func (a *Ask) DeviceScore(n *fit.Node) (score float64, ok bool) {
	if !a.devices {
		return 0, false
	}
	picked, fits := a.chooseDevices(n)
	if !fits {
		return 0, false
	}
	sum, weights := 0.0, 0.0
	for _, c := range picked {
		sum += c.score * c.ask.weights
		weights += c.ask.weights
	}
	if weights == 0 {
		return 0, false
	}
	return sum / weights, true
}

func (a *Ask) takeDevices(n *fit.Node, r *nl.AllocatedResources) string {
	picked, ok := a.chooseDevices(n)
	if !ok {
		return noDevices
	}
	for _, c := range picked {
		got := r.Tasks[c.task]
		got.Devices = append(got.Devices, &nl.AllocatedDeviceResource{
			Vendor: c.group.Info.Vendor, Type: c.group.Info.Type, Name: c.group.Info.Name, DeviceIDs: c.ids,
		})
	}
	return ""
}
