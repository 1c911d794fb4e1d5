//go:build linux

package docker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// settings decodes a plugin block the way an agent and the plugin do.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings(t *testing.T, body map[string]any) *pluginConfig {
	t.Helper()
	var out pluginConfig
	transfer(t, configSpec(), body, &out)
	if err := out.check(); err != nil {
		t.Fatal(err)
	}
	return &out
}

func taskSettings(t *testing.T, body map[string]any) *taskConfig {
	t.Helper()
	var out taskConfig
	transfer(t, taskSpec(), body, &out)
	return &out
}

func transfer(t *testing.T, spec *hclspec.Spec, body map[string]any, into any) {
	t.Helper()
	v, err := hclspec.Decode(spec, body, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hclspec.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := hclspec.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func allocTask(t *testing.T) *driver.TaskConfig {
	t.Helper()
	c := &driver.TaskConfig{
		ID: "a/web/1", Name: "web", AllocID: "a", JobID: "j", JobName: "j", TaskGroupName: "g", Namespace: "default",
		AllocDir: t.TempDir(), Env: map[string]string{"B": "2", "A": "1"},
		Resources: &driver.Resources{CPUMHz: 500, MemoryMB: 64, Linux: driver.LinuxResources{PercentTicks: 0.25},
			Ports: []driver.PortMapping{{Label: "http", Value: 8080, To: 80, HostIP: "10.0.0.1"}, {Label: "same", Value: 9090}}},
	}
	if err := os.MkdirAll(c.TaskDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPluginDefaults(t *testing.T) {
	p := settings(t, nil)
	if !p.GC.Image || p.GC.imageDelay != 3*time.Minute || !p.GC.Container || !p.GC.Dangling.Enabled || p.GC.Dangling.period != 5*time.Minute ||
		p.Logging.Type != "json-file" || p.Logging.Config["max-size"] != "2m" || p.ContainerExistsAttempts != 5 || p.Volumes.Enabled ||
		len(p.AllowCaps) != 13 || p.imagePullTimeout != 5*time.Minute || !strings.HasPrefix(p.InfraImage, "registry.k8s.io/pause-") {
		t.Errorf("defaults are %+v", p)
	}
	// A block that is given keeps the defaults of what it leaves out.
	p = settings(t, map[string]any{"gc": map[string]any{"image": false, "dangling_containers": map[string]any{"dry_run": true}}})
	if p.GC.Image || !p.GC.Container || !p.GC.Dangling.Enabled || !p.GC.Dangling.DryRun || p.GC.Dangling.creationGrace != 5*time.Minute {
		t.Errorf("gc is %+v", p.GC)
	}
	for _, bad := range []pluginConfig{
		{GC: gcConfig{ImageDelay: "soon"}}, {PullActivityTimeout: "5s"},
		{GC: gcConfig{Dangling: danglingConfig{Enabled: true, CreationGrace: "1s"}}},
	} {
		if bad.check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

// TestFullTaskConfig: every documented attribute decodes.
func TestFullTaskConfig(t *testing.T) {
	raw, err := os.ReadFile("testdata/full.json")
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	for _, name := range hclspec.Names(taskSpec()) {
		if _, ok := body[name]; !ok {
			t.Errorf("testdata/full.json lacks %s", name)
		}
	}
	tc := taskSettings(t, body)
	if tc.Auth.Username != "u" || tc.Mount[0].Volume.Driver.Options[0]["o"] != "p" || tc.Mounts[0].Tmpfs.SizeBytes != 5 ||
		merged(tc.Sysctl)["net.core.somaxconn"] != "1" || merged(tc.PortMap)["http"] != 80 || tc.StorageOpt["size"] != "1G" ||
		tc.Logging.Config[0]["tag"] != "x" || tc.Devices[0].HostPath != "/dev/null" || !tc.Healthchecks.Disable {
		t.Errorf("decoded config is %+v", tc)
	}
}

// TestBuild runs a task block through to the engine's request.
func TestBuild(t *testing.T) {
	privileged := map[string]any{"allow_privileged": true, "volumes": map[string]any{"enabled": true}}
	cases := map[string]struct {
		plugin map[string]any
		task   map[string]any
		change func(*driver.TaskConfig)
		check  func(*testing.T, *request, *driver.TaskConfig)
		err    string
	}{
		"plain": {task: map[string]any{"command": "run", "args": []string{"a"}}, check: func(t *testing.T, r *request, c *driver.TaskConfig) {
			want := []string{c.AllocDir + "/alloc:/alloc", c.AllocDir + "/alloc/logs:/alloc/logs:ro", c.AllocDir + "/web/local:/local", c.AllocDir + "/web/secrets:/secrets"}
			if diff := cmp.Diff(want, r.host.Binds); diff != "" {
				t.Error(diff)
			}
			if r.name != "web-a" || r.config.Labels[labelAllocID] != "a" || len(r.config.Labels) != 1 || cmp.Diff([]string{"A=1", "B=2"}, r.config.Env) != "" ||
				cmp.Diff([]string{"run", "a"}, []string(r.config.Cmd)) != "" || r.host.NetworkMode != "default" || r.host.CPUShares != 500 ||
				r.host.Memory != 64<<20 || r.host.MemorySwap != 64<<20 || r.host.MemoryReservation != 0 || r.host.CPUQuota != 0 ||
				cmp.Diff([]string{"net_raw"}, []string(r.host.CapDrop)) != "" || r.host.LogConfig.Type != "json-file" {
				t.Errorf("request is %+v, %+v", r.config, r.host)
			}
		}},
		"args alone": {task: map[string]any{"args": []string{"a"}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) { wantCmd(t, r, "a") }},
		"memory max": {change: func(c *driver.TaskConfig) { c.Resources.MemoryMaxMB = 128 }, check: func(t *testing.T, r *request, _ *driver.TaskConfig) { wantMemory(t, r, 128, 64) }},
		"no limit":   {change: func(c *driver.TaskConfig) { c.Resources.MemoryMaxMB = -1 }, check: func(t *testing.T, r *request, _ *driver.TaskConfig) { wantMemory(t, r, 0, 64) }},
		"hard limit": {task: map[string]any{"memory_hard_limit": 256}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) { wantMemory(t, r, 256, 64) }},
		"low limit":  {task: map[string]any{"memory_hard_limit": 32}, err: "exceeds the hard limit"},
		"quota": {task: map[string]any{"cpu_hard_limit": true}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if r.host.CPUPeriod != 100000 || r.host.CPUQuota <= 0 || r.host.CPUQuota%25000 != 0 {
				t.Errorf("period %d, quota %d", r.host.CPUPeriod, r.host.CPUQuota)
			}
		}},
		"long period": {task: map[string]any{"cpu_cfs_period": 1000001}, err: "cpu_cfs_period"},
		"labels": {plugin: map[string]any{"extra_labels": []string{"job_*", "task_name"}}, task: map[string]any{"labels": []any{map[string]any{"mine": "1"}}},
			check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
				want := map[string]string{"mine": "1", labelAllocID: "a", labelPrefix + "job_id": "j", labelPrefix + "job_name": "j", labelPrefix + "task_name": "web"}
				if diff := cmp.Diff(want, r.config.Labels); diff != "" {
					t.Error(diff)
				}
			}},
		"ports": {task: map[string]any{"ports": []string{"http", "same"}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if b := r.host.PortBindings["80/tcp"]; len(b) != 1 || b[0].HostIP != "10.0.0.1" || b[0].HostPort != "8080" {
				t.Errorf("bindings are %v", r.host.PortBindings)
			}
			if len(r.host.PortBindings) != 4 || len(r.config.ExposedPorts) != 4 || r.host.PortBindings["9090/udp"][0].HostPort != "9090" {
				t.Errorf("bindings are %v", r.host.PortBindings)
			}
		}},
		"unknown port":        {task: map[string]any{"ports": []string{"nope"}}, err: `port "nope"`},
		"port_map with group": {task: map[string]any{"port_map": []any{map[string]any{"http": 80}}}, err: "port_map cannot be used"},
		"legacy ports": {task: map[string]any{"port_map": []any{map[string]any{"db": 5432}}}, change: func(c *driver.TaskConfig) {
			c.Resources.Ports = nil
			c.Resources.Networks = []*driver.TaskNetwork{{IP: "10.0.0.2", DynamicPorts: []driver.Port{{Label: "db", Value: 20001}}}}
		}, check: func(t *testing.T, r *request, c *driver.TaskConfig) {
			if r.host.PortBindings["5432/tcp"][0].HostPort != "20001" || c.Env["NOMAD_PORT_db"] != "5432" {
				t.Errorf("bindings are %v, env %v", r.host.PortBindings, c.Env)
			}
		}},
		"group network": {task: map[string]any{"hostname": "h", "ports": []string{"http"}, "extra_hosts": []string{"db:10.9.9.9"}}, change: func(c *driver.TaskConfig) {
			c.Network = &driver.NetworkIsolation{Mode: driver.NetworkModeGroup, Labels: map[string]string{sandboxLabel: "pause"},
				Hosts: &driver.HostsConfig{Hostname: "alloc-host", Address: "172.26.0.5"}}
		}, check: func(t *testing.T, r *request, c *driver.TaskConfig) {
			if r.host.NetworkMode != "container:pause" || len(r.host.PortBindings) != 0 || r.config.Hostname != "" || len(r.host.ExtraHosts) != 0 {
				t.Errorf("request is %+v", r.host)
			}
			raw, err := os.ReadFile(filepath.Join(c.AllocDir, "hosts"))
			if err != nil || !strings.Contains(string(raw), "172.26.0.5 alloc-host\n10.9.9.9 db\n") {
				t.Errorf("hosts file: %q, %v", raw, err)
			}
		}},
		"own network mode": {task: map[string]any{"network_mode": "mynet", "network_aliases": []string{"x"}, "ipv4_address": "10.1.1.1"},
			change: func(c *driver.TaskConfig) {
				c.Network = &driver.NetworkIsolation{Mode: driver.NetworkModeGroup, Labels: map[string]string{sandboxLabel: "pause"}}
			},
			check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
				e := r.networking.EndpointsConfig["mynet"]
				if r.host.NetworkMode != "mynet" || e.Aliases[0] != "x" || e.IPAMConfig.IPv4Address != "10.1.1.1" {
					t.Errorf("endpoint is %+v", e)
				}
			}},
		"group dns": {task: map[string]any{"dns_servers": []string{"9.9.9.9"}}, change: func(c *driver.TaskConfig) {
			c.DNS = &driver.DNS{Servers: []string{"1.1.1.1"}, Searches: []string{"corp"}, Options: []string{"ndots:2"}}
		}, check: func(t *testing.T, r *request, c *driver.TaskConfig) {
			raw, _ := os.ReadFile(filepath.Join(c.TaskDir(), "resolv.conf"))
			if string(raw) != "search corp\nnameserver 1.1.1.1\noptions ndots:2\n" || len(r.host.DNS) != 0 {
				t.Errorf("resolv.conf is %q", raw)
			}
		}},
		"volume in the alloc": {task: map[string]any{"volumes": []string{"local/x:/x", "../alloc/data:/d:ro"}}, check: func(t *testing.T, r *request, c *driver.TaskConfig) {
			got := r.host.Binds[len(r.host.Binds)-2:]
			if diff := cmp.Diff([]string{c.TaskDir() + "/local/x:/x", c.AllocDir + "/alloc/data:/d:ro"}, got); diff != "" {
				t.Error(diff)
			}
		}},
		"host volume":      {task: map[string]any{"volumes": []string{"/etc:/x"}}, err: "volumes are not enabled; cannot mount host paths"},
		"escaping volume":  {task: map[string]any{"volumes": []string{"../../x:/x"}}, err: "volumes are not enabled"},
		"malformed volume": {task: map[string]any{"volumes": []string{"/etc"}}, err: "malformed"},
		"host volume allowed": {plugin: privileged, task: map[string]any{"volumes": []string{"/etc:/x:ro"}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if got := r.host.Binds[len(r.host.Binds)-1]; got != "/etc:/x:ro" {
				t.Errorf("bind is %s", got)
			}
		}},
		"named volume":  {task: map[string]any{"mount": []any{map[string]any{"source": "v", "target": "/v"}}}, err: "cannot mount volume"},
		"volume driver": {task: map[string]any{"volume_driver": "nfs", "volumes": []string{"v:/v"}}, err: "volume driver"},
		"selinux": {plugin: map[string]any{"volumes": map[string]any{"enabled": true, "selinuxlabel": "z"}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			for _, b := range r.host.Binds {
				if !strings.HasSuffix(b, ":z") && !strings.HasSuffix(b, ":ro,z") {
					t.Errorf("bind %s has no label", b)
				}
			}
		}},
		"bind outside": {task: map[string]any{"mount": []any{map[string]any{"type": "bind", "source": "/etc", "target": "/v"}}}, err: "cannot mount host paths"},
		"tmpfs": {task: map[string]any{"mounts": []any{map[string]any{"type": "tmpfs", "target": "/v", "tmpfs_options": map[string]any{"size": 9}}}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if m := r.host.Mounts[0]; m.TmpfsOptions.SizeBytes != 9 || m.Target != "/v" {
				t.Errorf("mount is %+v", m)
			}
		}},
		"tmpfs of a source": {task: map[string]any{"mount": []any{map[string]any{"type": "tmpfs", "source": "x", "target": "/v"}}}, err: "no source"},
		"unknown mount":     {task: map[string]any{"mount": []any{map[string]any{"type": "nfs", "target": "/v"}}}, err: `type "nfs"`},
		"group mounts": {change: func(c *driver.TaskConfig) {
			c.Mounts = []*driver.Mount{{TaskPath: "/v", HostPath: "/host", Readonly: true, Propagation: "bidirectional"}}
			c.Devices = []*driver.Device{{TaskPath: "/dev/x", HostPath: "/dev/y", Permissions: "r"}}
		}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if m := r.host.Mounts[0]; m.Source != "/host" || !m.ReadOnly || m.BindOptions.Propagation != "rshared" || r.host.Devices[0].PathOnHost != "/dev/y" {
				t.Errorf("mounts %+v, devices %+v", r.host.Mounts, r.host.Devices)
			}
		}},
		"device defaults": {task: map[string]any{"devices": []any{map[string]any{"host_path": "/dev/x"}}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if diff := cmp.Diff([]container.DeviceMapping{{PathOnHost: "/dev/x", PathInContainer: "/dev/x", CgroupPermissions: "rwm"}}, r.host.Devices); diff != "" {
				t.Error(diff)
			}
		}},
		"bad device": {task: map[string]any{"devices": []any{map[string]any{"host_path": "/dev/x", "cgroup_permissions": "x"}}}, err: "cgroup_permissions"},
		"privileged": {task: map[string]any{"privileged": true}, err: "allow_privileged"},
		"privileged here": {plugin: privileged, task: map[string]any{"privileged": true, "pid_mode": "host"}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if !r.host.Privileged || r.host.PidMode != "host" {
				t.Errorf("request is %+v", r.host)
			}
		}},
		"allowed mode": {plugin: map[string]any{"allowed_modes": map[string]any{"ipc": []string{"share*"}}}, task: map[string]any{"ipc_mode": "shareable"}, check: func(*testing.T, *request, *driver.TaskConfig) {}},
		"refused mode": {plugin: map[string]any{"allowed_modes": map[string]any{"ipc": []string{"share*"}}}, task: map[string]any{"uts_mode": "host"}, err: "uts_mode"},
		"runtime":      {task: map[string]any{"runtime": "kata"}, err: "allow_runtimes"},
		"gpu runtime": {change: func(c *driver.TaskConfig) { c.DeviceEnv = map[string]string{"NVIDIA_VISIBLE_DEVICES": "0"} }, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if r.host.Runtime != "nvidia" {
				t.Errorf("runtime is %q", r.host.Runtime)
			}
		}},
		"pids limit": {plugin: map[string]any{"pids_limit": 10}, task: map[string]any{"pids_limit": 20}, err: "pids_limit"},
		"default pids": {plugin: map[string]any{"pids_limit": 10}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if *r.host.PidsLimit != 10 {
				t.Errorf("limit is %d", *r.host.PidsLimit)
			}
		}},
		"ulimit": {task: map[string]any{"ulimit": []any{map[string]any{"nofile": "1:2", "core": "3"}}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if u := r.host.Ulimits; len(u) != 2 || u[0].Name != "core" || u[0].Hard != 3 || u[1].Soft != 1 || u[1].Hard != 2 {
				t.Errorf("ulimits are %v", u)
			}
		}},
		"bad ulimit": {task: map[string]any{"ulimit": []any{map[string]any{"nofile": "x"}}}, err: "ulimit"},
		"security": {task: map[string]any{"security_opt": []string{"no-new-privileges", "seccomp=unconfined", "label:disable"}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if len(r.host.SecurityOpt) != 3 {
				t.Errorf("options are %v", r.host.SecurityOpt)
			}
		}},
		"bad security":    {task: map[string]any{"security_opt": []string{"nonsense"}}, err: "security_opt"},
		"missing profile": {task: map[string]any{"security_opt": []string{"seccomp=none.json"}}, err: "seccomp profile"},
		"blank command":   {task: map[string]any{"command": " run"}, err: "blanks"},
		"task logging": {task: map[string]any{"logging": map[string]any{"driver": "journald", "config": []any{map[string]any{"tag": "x"}}}}, check: func(t *testing.T, r *request, _ *driver.TaskConfig) {
			if r.host.LogConfig.Type != "journald" || r.host.LogConfig.Config["tag"] != "x" {
				t.Errorf("logging is %+v", r.host.LogConfig)
			}
		}},
		"two log drivers": {task: map[string]any{"logging": map[string]any{"driver": "a", "type": "b"}}, err: "two drivers"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			body := map[string]any{"image": "busybox:1"}
			for k, v := range c.task {
				body[k] = v
			}
			p, tc, task := settings(t, c.plugin), taskSettings(t, body), allocTask(t)
			if c.change != nil {
				c.change(task)
			}
			err := tc.check(p)
			var r *request
			if err == nil {
				r, err = build(task, tc, p, newNode((*base.Topology)(nil).Complete()))
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error is %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, r, task)
		})
	}
}

func wantCmd(t *testing.T, r *request, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, []string(r.config.Cmd)); diff != "" {
		t.Error(diff)
	}
}

func wantMemory(t *testing.T, r *request, limit, reservation int64) {
	t.Helper()
	if r.host.Memory != limit<<20 || r.host.MemoryReservation != reservation<<20 || r.host.MemorySwap != limit<<20 {
		t.Errorf("limit %d, reservation %d, swap %d", r.host.Memory, r.host.MemoryReservation, r.host.MemorySwap)
	}
}

func TestCapabilities(t *testing.T) {
	d := defaultCaps()
	for name, c := range map[string]struct {
		add, drop, allowed, wantAdd, wantDrop []string
		fails                                 bool
	}{
		"nothing":         {allowed: d, wantDrop: []string{"net_raw"}},
		"add allowed":     {add: []string{"chown"}, allowed: d, wantAdd: []string{"chown"}, wantDrop: []string{"net_raw"}},
		"add refused":     {add: []string{"sys_admin"}, allowed: d, fails: true},
		"add all refused": {add: []string{"all"}, allowed: d, fails: true},
		"add all":         {add: []string{"all", "chown"}, allowed: []string{"all"}, wantAdd: []string{"all"}},
		"drop":            {drop: []string{"chown"}, allowed: d, wantDrop: []string{"chown", "net_raw"}},
		"drop all":        {drop: []string{"all"}, allowed: d, wantDrop: []string{"all"}},
		"few allowed":     {allowed: append(d[1:], "net_raw"), wantDrop: []string{"audit_write"}},
	} {
		add, drop, err := capabilities(c.add, c.drop, c.allowed)
		if (err != nil) != c.fails || cmp.Diff(c.wantAdd, add) != "" || cmp.Diff(c.wantDrop, drop) != "" {
			t.Errorf("%s: add %v, drop %v, %v", name, add, drop, err)
		}
	}
}

func TestAlwaysPulled(t *testing.T) {
	for ref, want := range map[string]bool{
		"busybox": true, "busybox:latest": true, "busybox:1": false, "reg.example:5000/a/b": true, "reg.example:5000/a/b:2": false,
		"busybox@sha256:" + strings.Repeat("a", 64): false, "Bad Ref": false,
	} {
		if got := alwaysPulled(ref); got != want {
			t.Errorf("%s: %v", ref, got)
		}
	}
}

func TestAddress(t *testing.T) {
	nets := func(name, v4, v6 string) map[string]*network.EndpointSettings {
		return map[string]*network.EndpointSettings{name: {IPAddress: v4, GlobalIPv6Address: v6}}
	}
	for _, c := range []struct {
		nets map[string]*network.EndpointSettings
		v6   bool
		ip   string
		adv  bool
	}{
		{nets("bridge", "172.17.0.2", ""), false, "172.17.0.2", false},
		{nets("mine", "10.0.0.2", "2001::2"), false, "10.0.0.2", true},
		{nets("mine", "10.0.0.2", "2001::2"), true, "2001::2", true},
		{nets("none", "", ""), false, "", false},
		{nil, false, "", false},
	} {
		if ip, adv := address(c.nets, c.v6); ip != c.ip || adv != c.adv {
			t.Errorf("%v: %s, %v", c.nets, ip, adv)
		}
	}
}

func TestDangling(t *testing.T) {
	now := time.Unix(100000, 0)
	const uuid = "0b9a1a3c-1111-4222-8333-444455556666"
	ours := []container.MountPoint{{Destination: "/alloc"}, {Destination: "/local"}, {Destination: "/secrets"}}
	for name, c := range map[string]struct {
		c    container.Summary
		want bool
	}{
		"labelled":   {container.Summary{ID: "x", Labels: map[string]string{labelAllocID: "a"}}, true},
		"tracked":    {container.Summary{ID: "tracked", Labels: map[string]string{labelAllocID: "a"}}, false},
		"young":      {container.Summary{ID: "x", Created: now.Unix() - 10, Labels: map[string]string{labelAllocID: "a"}}, false},
		"foreign":    {container.Summary{ID: "x", Names: []string{"/web-" + uuid}}, false},
		"looks ours": {container.Summary{ID: "x", Names: []string{"/web-" + uuid}, Mounts: ours}, true},
		"other name": {container.Summary{ID: "x", Names: []string{"/web"}, Mounts: ours}, false},
		"network":    {container.Summary{ID: "x", Names: []string{"/" + sandboxPrefix + uuid}, Labels: map[string]string{labelAllocID: "a"}}, false},
	} {
		if got := dangling(c.c, map[string]bool{"tracked": true}, time.Minute, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	// "dTpw" is base64 of "u:p".
	if err := os.WriteFile(file, []byte(`{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"},"reg.example":{"identitytoken":"tok"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ref  string
		task *taskAuth
		want string
	}{
		{"busybox", nil, `"username":"u","password":"p"`},
		{"reg.example/a", nil, `"identitytoken":"tok"`},
		{"other.example/a", nil, ""},
		{"busybox", &taskAuth{Username: "t", Password: "q"}, `"username":"t","password":"q"`},
	} {
		got, err := credentials(c.ref, c.task, authConfig{Config: file})
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" {
			if got != "" {
				t.Errorf("%s: unexpected credentials", c.ref)
			}
			continue
		}
		plain := decodeAuth(t, got)
		if !strings.Contains(plain, c.want) {
			t.Errorf("%s: credentials are %s", c.ref, plain)
		}
	}
	if _, err := credentials("busybox", nil, authConfig{Config: file + ".none"}); err == nil {
		t.Error("a missing credential file went unnoticed")
	}
}
