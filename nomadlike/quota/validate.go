package quota

import (
	"fmt"
	"regexp"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// descriptionMax bounds descriptions, characters.
const descriptionMax = 256

var validName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,128}$`)

// Validate names everything that is wrong with a quota, with the field it is
// wrong in.
func Validate(q *nl.QuotaSpec) []string {
	v := &validator{}
	if !validName.MatchString(q.Name) {
		v.addf("Name: %q must match %s", q.Name, validName)
	}
	if len([]rune(q.Description)) > descriptionMax {
		v.addf("Description: longer than %d characters", descriptionMax)
	}
	if len(q.Limits) == 0 {
		v.addf("Limits: there is none; a quota needs a limit for at least one region")
	}
	regions := map[string]bool{}
	for i, l := range q.Limits {
		at := fmt.Sprintf("Limits[%d]", i)
		switch {
		case l == nil:
			v.addf("%s: is empty", at)
			continue
		case l.Region == "":
			v.addf("%s.Region: missing; a limit applies in one region", at)
		case regions[l.Region]:
			v.addf("%s.Region: there is another limit for region %q", at, l.Region)
		}
		regions[l.Region] = true
		v.limit(at, l)
	}
	return v.wrong
}

type validator struct{ wrong []string }

func (v *validator) addf(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

func (v *validator) limit(at string, l *nl.QuotaLimit) {
	r := l.RegionLimit
	if r == nil {
		return
	}
	at += ".RegionLimit"
	v.devices(at, r.Devices)
	v.notLimited(at, r.NUMA, r.Storage)
	if r.Storage != nil && r.Storage.VariablesMB != 0 && l.VariablesLimit != nil && *l.VariablesLimit != 0 && *l.VariablesLimit != r.Storage.VariablesMB {
		v.addf("%s.Storage.VariablesMB: %d contradicts VariablesLimit, which is %d; leave one out", at, r.Storage.VariablesMB, *l.VariablesLimit)
	}
	pools := map[string]bool{}
	for i, p := range r.NodePools {
		at := fmt.Sprintf("%s.NodePools[%d]", at, i)
		switch {
		case p == nil:
			v.addf("%s: is empty", at)
			continue
		case p.NodePool == "" || p.NodePool == nl.NodePoolAll:
			v.addf("%s.NodePool: %q is no pool of its own; limit the region instead", at, p.NodePool)
		case pools[p.NodePool]:
			v.addf("%s.NodePool: there is another limit for pool %q", at, p.NodePool)
		}
		pools[p.NodePool] = true
		v.devices(at, p.Devices)
		v.notLimited(at, p.NUMA, p.Storage)
		if p.Storage != nil && p.Storage.VariablesMB != 0 {
			v.addf("%s.Storage.VariablesMB: variables belong to no node pool; limit them for the region", at)
		}
	}
}

// notLimited refuses what would be accepted and then not hold.
func (v *validator) notLimited(at string, numa *nl.NUMA, storage *nl.QuotaStorageResources) {
	if numa != nil {
		v.addf("%s.NUMA: cannot be limited; remove it", at)
	}
	if storage != nil && storage.HostVolumesMB != 0 {
		v.addf("%s.Storage.HostVolumesMB: the size of host volumes is not counted yet; remove it", at)
	}
}

func (v *validator) devices(at string, devices []*nl.RequestedDevice) {
	seen := map[string]bool{}
	for i, d := range devices {
		at := fmt.Sprintf("%s.Devices[%d]", at, i)
		switch {
		case d == nil:
			v.addf("%s: is empty", at)
			continue
		case !validDevice(d.Name):
			v.addf("%s.Name: %q must be type, vendor/type or vendor/type/name", at, d.Name)
		case seen[d.Name]:
			v.addf("%s.Name: %q is limited twice", at, d.Name)
		}
		seen[d.Name] = true
		if len(d.Constraints)+len(d.Affinities) > 0 {
			v.addf("%s: devices are counted by name; constraints and affinities cannot narrow a limit", at)
		}
	}
}

func validDevice(name string) bool {
	for _, part := range strings.SplitN(name, "/", 3) {
		if part == "" {
			return false
		}
	}
	return true
}
