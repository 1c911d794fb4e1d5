package agent

import (
	"context"
	"net"
	"os"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// secretWords mark environment variables whose values are not told.
var secretWords = []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL", "LICENSE", "AUTH"}

// host tells facts about the machine, for support.
func (a *Agent) host(ctx context.Context, _ *query.AgentHost, reply *nl.HostData) error {
	if info, err := host.InfoWithContext(ctx); err == nil {
		reply.OS = strings.TrimSpace(info.OS + " " + info.Platform + " " + info.PlatformVersion + " " + info.KernelVersion)
	}
	if ifaces, err := net.Interfaces(); err == nil {
		for _, i := range ifaces {
			addrs, err := i.Addrs()
			if err != nil {
				continue
			}
			var list []string
			for _, a := range addrs {
				list = append(list, a.String())
			}
			reply.Network = append(reply.Network, map[string]string{"name": i.Name, "address": strings.Join(list, ",")})
		}
	}
	reply.ResolvConf = text("/etc/resolv.conf")
	reply.Hosts = text("/etc/hosts")
	reply.Environment = map[string]string{}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		for _, w := range secretWords {
			if strings.Contains(strings.ToUpper(k), w) {
				v = "<redacted>"
			}
		}
		reply.Environment[k] = v
	}
	reply.Disk = map[string]*nl.DiskUsage{}
	if parts, err := disk.PartitionsWithContext(ctx, false); err == nil {
		for _, p := range parts {
			if u, err := disk.UsageWithContext(ctx, p.Mountpoint); err == nil {
				reply.Disk[p.Mountpoint] = &nl.DiskUsage{DiskMB: int64(u.Total >> 20), UsedMB: int(u.Used >> 20)}
			}
		}
	}
	return nil
}

// text is a small file, "" when it cannot be read.
func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}
