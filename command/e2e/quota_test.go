package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/nomad/api"
)

// A quota keeps a job from growing, says why, and lets it go on when it is
// raised; the official client drives it.
func TestQuota(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	quotas := a.api.Quotas()
	apply := func(mhz int) {
		t.Helper()
		_, err := quotas.Register(&api.QuotaSpec{Name: "small", Description: "for tests", Limits: []*api.QuotaLimit{{Region: "global",
			RegionLimit: &api.QuotaResources{CPU: ptr(mhz), Devices: []*api.RequestedDevice{{Name: "nvidia/gpu", Count: ptr(uint64(1))}}}}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	apply(150)
	if _, err := a.api.Namespaces().Register(&api.Namespace{Name: "team", Quota: "small"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := a.api.Namespaces().Register(&api.Namespace{Name: "other", Quota: "none"}, nil); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a quota that is not there: %v", err)
	}
	task := shell("t", "exec sleep 600")
	task.Resources = &api.Resources{CPU: ptr(100), MemoryMB: ptr(20)}
	job := service("bounded", group("g", 2, task))
	job.Namespace = ptr("team")
	if _, _, err := a.api.Jobs().Register(job, nil); err != nil {
		t.Fatal(err)
	}
	q := &api.QueryOptions{Namespace: "team"}
	running := func(want int) {
		t.Helper()
		await(t, fmt.Sprintf("%d run", want), func() error {
			allocs, _, err := a.api.Jobs().Allocations("bounded", false, q)
			n := 0
			for _, alloc := range allocs {
				if alloc.ClientStatus == "running" {
					n++
				}
			}
			if err == nil && n != want {
				err = fmt.Errorf("%d of %d run", n, len(allocs))
			}
			return err
		})
	}
	running(1)
	await(t, "the rest is blocked by the quota", func() error {
		evals, _, err := a.api.Jobs().Evaluations("bounded", q)
		for _, e := range evals {
			if e.Status == "blocked" && e.QuotaLimitReached == "small" &&
				strings.Contains(fmt.Sprint(e.FailedTGAllocs["g"].QuotaExhausted), "cpu exhausted (200 needed > 150 limit)") {
				return nil
			}
		}
		return fmt.Errorf("evaluations: %+v, %v", evals, err)
	})
	if r := a.command("job", "status", "-namespace", "team", "bounded"); !strings.Contains(r.out, "Quota limit hit") {
		t.Errorf("the status of the job does not say why it waits:\n%s", r)
	}
	used(t, quotas, 100)
	if r := a.command("quota", "status", "small"); !strings.Contains(r.out, "100 / 150") {
		t.Errorf("quota status:\n%s", r)
	}
	if _, err := quotas.Delete("small", nil); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a quota in use was deleted: %v", err)
	}

	apply(500)
	running(2)
	used(t, quotas, 200)

	if _, _, err := a.api.Jobs().Deregister("bounded", true, &api.WriteOptions{Namespace: "team"}); err != nil {
		t.Fatal(err)
	}
	await(t, "all is given back", func() error {
		if all, _, err := quotas.ListUsage(nil); err != nil || len(all) != 1 {
			return fmt.Errorf("usages %v, %v", all, err)
		}
		_, err := a.api.Namespaces().Delete("team", nil)
		return err
	})
	if _, err := quotas.Delete("small", nil); err != nil {
		t.Error(err)
	}
	if list, _, err := quotas.PrefixList("sm", nil); err != nil || len(list) > 0 {
		t.Errorf("quotas %v, %v", list, err)
	}
}

// used looks that so many MHz of the quota are in use.
func used(t *testing.T, quotas *api.Quotas, mhz int) {
	t.Helper()
	spec, _, err := quotas.Info("small", nil)
	if err != nil {
		t.Fatal(err)
	}
	usage, _, err := quotas.Usage("small", nil)
	if err != nil {
		t.Fatal(err)
	}
	limit := usage.Used[base64.StdEncoding.EncodeToString(spec.Limits[0].Hash)]
	if limit == nil || *limit.RegionLimit.CPU != mhz || len(limit.RegionLimit.Devices) != 1 {
		t.Errorf("used of the quota: %+v", limit)
	}
}
