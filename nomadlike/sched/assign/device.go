package assign

import (
	"fmt"
	"math"
	"slices"
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
	// only are the IDs of instances that a constraint names, nil when none does.
	only       []string
	affinities []deviceAffinity
	weights    float64 // sum of the absolute weights
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
		if op := check.check.Operand(); c.LTarget == "${device.ids}" && (op == expr.SetContainsAll || op == expr.SetContainsAny) {
			for _, id := range strings.Split(c.RTarget, ",") {
				out.only = append(out.only, strings.TrimSpace(id))
			}
		}
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
	left, right := deviceValue(c.left, info), deviceValue(c.right, info)
	if left != nil && left.String != nil && !strings.HasPrefix(c.right, "${") {
		// What is text on the device is compared as text, also with "1080".
		right = textual(c.right)
	}
	return c.check.Attributes(left, right)
}

// deviceValue resolves a target on a device, nil where the device lacks it.
func deviceValue(target string, info *nl.NodeDeviceResource) *nl.Attribute {
	if !strings.HasPrefix(target, "${") {
		return expr.ParseAttribute(target)
	}
	ref, ofDevice := strings.CutPrefix(strings.TrimSuffix(target, "}"), "${device.")
	if !ofDevice {
		return nil
	}
	switch ref {
	case "model":
		return textual(info.Name)
	case "vendor":
		return textual(info.Vendor)
	case "type":
		return textual(info.Type)
	case "ids":
		ids := make([]string, 0, len(info.Instances))
		for _, i := range info.Instances {
			ids = append(ids, i.ID)
		}
		return textual(strings.Join(ids, ","))
	}
	if key, ok := strings.CutPrefix(ref, "attr."); ok {
		return info.Attributes[key]
	}
	return nil
}

func textual(s string) *nl.Attribute { return &nl.Attribute{String: &s} }

// KnowsDevices tells whether a node has devices of every kind that the group
// asks for, however many.
func (a *Ask) KnowsDevices(n *nl.Node) bool {
	for _, t := range a.tasks {
		for i := range t.devices {
			if n.NodeResources == nil || !slices.ContainsFunc(n.NodeResources.Devices, t.devices[i].matches) {
				return false
			}
		}
	}
	return true
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

// chosen are the instances one request got.
type chosen struct {
	task  string
	group *fit.DeviceGroup
	ids   []string
	score float64
	ask   *deviceAsk
}

// choose finds instances for a request, from the device group its affinities
// like best; nil when there are too few that are free and may be used.
func (d *deviceAsk) choose(n *fit.Node, task string, may func(*fit.DeviceGroup, *nl.NodeDevice) bool) *chosen {
	var best *chosen
	for _, g := range n.Devices().Groups {
		if !d.matches(g.Info) {
			continue
		}
		var ids []string
		for _, i := range g.Free() {
			named := d.only == nil || slices.Contains(d.only, i.ID)
			if len(ids) < d.count && named && may(g, i) {
				ids = append(ids, i.ID)
			}
		}
		if len(ids) < d.count {
			continue
		}
		if score := d.score(g.Info); best == nil || score > best.score {
			best = &chosen{task: task, group: g, ids: ids, score: score, ask: d}
		}
	}
	return best
}

// DeviceScore is how well the affinities like what the node would give; ok is
// false when no device request has any.
func (a *Ask) DeviceScore(n *fit.Node) (score float64, ok bool) {
	if !a.devices {
		return 0, false
	}
	got, reason := a.own(n)
	if reason != "" {
		return 0, false
	}
	sum, weights := 0.0, 0.0
	for _, c := range got.devices {
		sum += c.score * c.ask.weights
		weights += c.ask.weights
	}
	if weights == 0 {
		return 0, false
	}
	return sum / weights, true
}
