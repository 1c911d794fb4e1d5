// Package fingerprint finds out what a node is: processors, memory, disk,
// system, networks. The client runs it once at start and on SIGHUP. It reads
// files and asks the kernel; it never starts a process, so that an agent is
// ready within milliseconds.
package fingerprint

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Config is what the operator fixed.
type Config struct {
	Version, Revision string
	AdvertiseAddr     string // of the HTTP API
	ServiceDiscovery  bool

	StateDir, AllocDir string
	NetworkInterface   string // "" is that of the default route
	NetworkSpeed       int    // Mbit/s; 0 is detected
	PreferredFamily    string // ipv4, ipv6 or ""
	NoLinkLocal        bool
	HostNetworks       map[string]*nl.ClientHostNetworkConfig
	ReservedPorts      string

	TotalComputeMHz int    // 0 is detected
	MemoryTotalMB   int    // 0 is detected
	DiskTotalMB     int    // 0 is detected
	ReservableCores string // core list; "" is all but ReservedCores
	ReservedCores   string
	ReservedMHz     int

	BridgeName    string
	BridgeHairpin bool
	CNIPath       string // colon list
	CNIConfigDir  string

	// Allow and Deny name the fingerprinters to run.
	Allow, Deny []string
	Logger      hclog.Logger
}

// Result is what was found.
type Result struct {
	Attributes map[string]string
	Links      map[string]string
	Resources  *nl.NodeResources
	Notes      map[string]string // by fingerprinter: why it found nothing
}

// found is what one fingerprinter adds.
type found struct {
	attributes map[string]string
	resources  func(*nl.NodeResources)
	err        error
}

// fingerprinter looks at one thing.
type fingerprinter struct {
	name string
	look func(*Config) found
}

func fingerprinters() []fingerprinter {
	return []fingerprinter{
		{"arch", arch}, {"cgroup", cgroups}, {"cpu", cpu}, {"host", host}, {"landlock", landlock},
		{"memory", memory}, {"network", network}, {"bridge", bridge}, {"cni", cni}, {"plugins_cni", pluginsCNI},
		{"nomad", self}, {"signal", signals}, {"storage", storage}, {"secrets_plugins", secrets},
	}
}

// Wants tells whether the fingerprinter of that name is to run.
func (c *Config) Wants(name string) bool {
	if len(c.Allow) > 0 && !slices.Contains(c.Allow, name) {
		return false
	}
	return !slices.Contains(c.Deny, name)
}

// Run looks at everything at once.
func Run(_ context.Context, cfg Config) *Result {
	list := fingerprinters()
	results := make([]found, len(list))
	var wg sync.WaitGroup
	for i, f := range list {
		if !cfg.Wants(f.name) {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[i] = f.look(&cfg)
		}()
	}
	wg.Wait()
	out := &Result{Attributes: map[string]string{}, Links: map[string]string{}, Notes: map[string]string{}, Resources: &nl.NodeResources{}}
	for i, r := range results {
		maps.Copy(out.Attributes, r.attributes)
		if r.resources != nil {
			r.resources(out.Resources)
		}
		if r.err != nil {
			out.Notes[list[i].name] = r.err.Error()
		}
	}
	return out
}

func self(c *Config) found {
	a := map[string]string{"nomad.version": c.Version, "nomad.revision": c.Revision}
	if c.ServiceDiscovery {
		a["nomad.service_discovery"] = "true"
	}
	if c.AdvertiseAddr != "" {
		a["unique.advertise.address"] = c.AdvertiseAddr
	}
	return found{attributes: a}
}

func secrets(c *Config) found {
	return found{attributes: map[string]string{"plugins.secrets.nomad.version": c.Version}}
}

// signalNames are the signals that a task may be sent.
func signals(*Config) found {
	names := []string{
		"SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO",
		"SIGIOT", "SIGKILL", "SIGPIPE", "SIGPROF", "SIGQUIT", "SIGSEGV", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP",
		"SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGXCPU", "SIGXFSZ",
	}
	return found{attributes: map[string]string{"os.signals": strings.Join(names, ",")}}
}
