package fingerprint

import (
	"context"
	"fmt"
	"runtime"
	"testing"
)

func TestParseCores(t *testing.T) {
	for text, want := range map[string]string{
		"": "[]", "0": "[0]", "0-2,5": "[0 1 2 5]", " 3 , 1-1,3": "[1 3]", "x": "error", "2-1": "error", "1-": "error",
	} {
		cores, err := ParseCores(text)
		got := fmt.Sprint(cores)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestRun(t *testing.T) {
	r := Run(context.Background(), Config{Version: "2.0.6", AllocDir: t.TempDir(), TotalComputeMHz: 4000, ReservedMHz: 500, MemoryTotalMB: 1000, DiskTotalMB: 77, Deny: []string{"landlock"}})
	for k, want := range map[string]string{
		"cpu.arch": runtime.GOARCH, "kernel.name": runtime.GOOS, "nomad.version": "2.0.6", "cpu.totalcompute": "4000",
		"cpu.usablecompute": "3500", "memory.totalbytes": "1048576000", "kernel.landlock": "",
	} {
		if got := r.Attributes[k]; got != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
	res := r.Resources
	if res.Cpu.CpuShares != 3500 || res.Memory.MemoryMB != 1000 || res.Disk.DiskMB != 77 || len(res.NodeNetworks) == 0 {
		t.Errorf("resources are %+v", res)
	}
}

func TestReservedCores(t *testing.T) {
	r := cpu(&Config{ReservedCores: "0"})
	if r.err != nil {
		t.Fatal(r.err)
	}
	all := cpu(&Config{})
	if r.attributes["cpu.reservablecores"] == all.attributes["cpu.reservablecores"] {
		t.Errorf("reserving a core changes nothing: %s", r.attributes["cpu.reservablecores"])
	}
	if bad := cpu(&Config{ReservableCores: "x"}); bad.err == nil {
		t.Error("a bad core list was taken")
	}
}
