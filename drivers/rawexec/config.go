// Package rawexec is the raw_exec driver: programs of the host, without
// isolation. It is served by drivers.Serve in a process of its own. It only
// decides what to run and as whom; hostproc runs it.
package rawexec

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

// Name is the driver's name in job files.
const Name = "raw_exec"

// pluginVersion is shown by the node's driver listing.
const pluginVersion = "0.1.0"

type pluginConfig struct {
	Enabled        bool     `codec:"enabled"`
	DeniedHostUIDs string   `codec:"denied_host_uids"`
	DeniedHostGIDs string   `codec:"denied_host_gids"`
	DeniedEnvvars  []string `codec:"denied_envvars"`
}

func configSpec() *hclspec.Spec {
	return hclspec.Object(map[string]*hclspec.Spec{
		"enabled":          hclspec.Default(hclspec.Attr("enabled", "bool", false), hclspec.Literal("false")),
		"denied_host_uids": hclspec.Default(hclspec.Attr("denied_host_uids", "string", false), hclspec.Literal(`""`)),
		"denied_host_gids": hclspec.Default(hclspec.Attr("denied_host_gids", "string", false), hclspec.Literal(`""`)),
		"denied_envvars":   hclspec.Attr("denied_envvars", "list(string)", false),
	})
}

type taskConfig struct {
	Command          string              `codec:"command"`
	Args             []string            `codec:"args"`
	WorkDir          string              `codec:"work_dir"`
	CgroupV2Override string              `codec:"cgroup_v2_override"`
	CgroupV1Override []map[string]string `codec:"cgroup_v1_override"`
	OOMScoreAdj      int                 `codec:"oom_score_adj"`
	DeniedEnvvars    []string            `codec:"denied_envvars"`
}

func taskSpec() *hclspec.Spec {
	return hclspec.Object(map[string]*hclspec.Spec{
		"command":            hclspec.Attr("command", "string", true),
		"args":               hclspec.Attr("args", "list(string)", false),
		"work_dir":           hclspec.Attr("work_dir", "string", false),
		"cgroup_v2_override": hclspec.Attr("cgroup_v2_override", "string", false),
		"cgroup_v1_override": hclspec.Attr("cgroup_v1_override", "list(map(string))", false),
		"oom_score_adj":      hclspec.Attr("oom_score_adj", "number", false),
		"denied_envvars":     hclspec.Attr("denied_envvars", "list(string)", false),
	})
}

// validate checks what the schema cannot.
func (c *taskConfig) validate() error {
	if c.CgroupV2Override != "" && len(c.CgroupV1Override) > 0 {
		return fmt.Errorf("only one of cgroup_v1_override and cgroup_v2_override may be set")
	}
	if c.OOMScoreAdj < 0 {
		return fmt.Errorf("oom_score_adj must not be negative, it is %d", c.OOMScoreAdj)
	}
	if c.WorkDir != "" && !strings.HasPrefix(c.WorkDir, "/") {
		return fmt.Errorf("work_dir must be an absolute path, it is %q", c.WorkDir)
	}
	return nil
}

// idRange is an inclusive range of user or group IDs.
type idRange struct{ from, to uint64 }

// parseRanges reads a comma list of IDs and ranges such as "0,100-200".
func parseRanges(attr, text string) ([]idRange, error) {
	var out []idRange
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err1 := strconv.ParseUint(strings.TrimSpace(low), 10, 32)
		to, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 32)
		if err1 != nil || err2 != nil || from > to {
			return nil, fmt.Errorf("%s: %q is neither an ID nor a range such as 100-200", attr, part)
		}
		out = append(out, idRange{from, to})
	}
	return out, nil
}

func denied(id int, ranges []idRange) bool {
	for _, r := range ranges {
		if id >= 0 && uint64(id) >= r.from && uint64(id) <= r.to {
			return true
		}
	}
	return false
}
