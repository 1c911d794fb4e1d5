package nomadlike

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// uniquePrefix marks attributes and meta values that differ between nodes which
// are otherwise alike.
const uniquePrefix = "unique."

// ComputedClass names what the scheduler may treat alike: two nodes of one
// class pass or fail the same class-wide checks. It is a hash over datacenter,
// class, pool, devices, and the attributes and meta values that are not unique.
func ComputedClass(n *Node) string {
	h := fnv.New64a()
	hashStrings(h, n.Datacenter, n.NodeClass, n.NodePool)
	hashMap(h, n.Attributes)
	hashMap(h, n.Meta)
	if n.NodeResources != nil {
		hashDevices(h, n.NodeResources.Devices)
	}
	return "v1:" + strconv.FormatUint(h.Sum64(), 10)
}

// hashStrings writes each string with its length, so that no two lists run
// together.
func hashStrings(w io.Writer, list ...string) {
	var size [8]byte
	for _, s := range list {
		binary.LittleEndian.PutUint64(size[:], uint64(len(s)))
		_, _ = w.Write(size[:])
		_, _ = io.WriteString(w, s)
	}
}

func hashMap(w io.Writer, m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !strings.HasPrefix(k, uniquePrefix) {
			hashStrings(w, k, m[k])
		}
	}
	hashStrings(w, "")
}

func hashDevices(w io.Writer, devices []*NodeDeviceResource) {
	ids := make([]string, 0, len(devices))
	byID := make(map[string]*NodeDeviceResource, len(devices))
	for _, d := range devices {
		id := d.Vendor + "/" + d.Type + "/" + d.Name
		ids = append(ids, id)
		byID[id] = d
	}
	slices.Sort(ids)
	for _, id := range ids {
		hashStrings(w, id)
		attributes := byID[id].Attributes
		for _, k := range slices.Sorted(maps.Keys(attributes)) {
			if !strings.HasPrefix(k, uniquePrefix) {
				hashStrings(w, k, attributes[k].Text())
			}
		}
	}
}

// Text is the value of the attribute with its unit, as one string.
func (a *Attribute) Text() string {
	var s string
	switch {
	case a == nil:
		return ""
	case a.Float != nil:
		s = strconv.FormatFloat(*a.Float, 'g', -1, 64)
	case a.Int != nil:
		s = strconv.FormatInt(*a.Int, 10)
	case a.Bool != nil:
		s = strconv.FormatBool(*a.Bool)
	case a.String != nil:
		s = *a.String
	}
	if a.Unit != "" {
		s += " " + a.Unit
	}
	return s
}
