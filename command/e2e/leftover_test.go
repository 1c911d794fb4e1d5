package e2e

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/nomad/api"
)

// TestNothingStays looks at the machine after tasks and agent have ended.
func TestNothingStays(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	a.register(service("long", group("g", 3, shell("t", "sleep 600 & exec sleep 600"))))
	a.register(batch("short", group("g", 3, shell("t", "true"))))
	running := a.awaitAllocs("long", 3, api.AllocClientStatusRunning)
	ended := a.awaitAllocs("short", 3, api.AllocClientStatusComplete)
	for _, job := range []string{"long", "short"} {
		if _, _, err := a.api.Jobs().Deregister(job, true, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range append(running, ended...) {
		await(t, "nothing of allocation "+s.ID+" is left", func() error {
			if err := a.api.System().GarbageCollect(); err != nil {
				return err
			}
			dir := a.onDisk(s.ID)
			if found := belonging(dir); len(found) > 0 {
				return fmt.Errorf("processes %v", found)
			}
			if found := mountsBelow(dir); len(found) > 0 {
				return fmt.Errorf("mounts %v", found)
			}
			if found, _ := filepath.Glob(dir); len(found) > 0 {
				return fmt.Errorf("files %v", found)
			}
			if found := cgroupsNamed(s.ID); len(found) > 0 {
				return fmt.Errorf("control groups %v", found)
			}
			return nil
		})
	}
	a.terminate()
	await(t, "no process of the agent is left", func() error {
		if found := belonging(a.dir); len(found) > 0 {
			return fmt.Errorf("processes %v", found)
		}
		return nil
	})
}

// cgroupsNamed finds the control groups whose name begins with an allocation.
func cgroupsNamed(allocID string) (found []string) {
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir // it has gone meanwhile
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), allocID) {
			found = append(found, path)
		}
		return nil
	})
	return found
}
