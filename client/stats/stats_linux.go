package stats

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const kilobyte = 1 << 10

// readCPU reads the processor times since the machine started.
func readCPU() (map[string]times, []string) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, nil
	}
	out := map[string]times{}
	var order []string
	for line := range bytes.Lines(raw) {
		fields := strings.Fields(string(line))
		if len(fields) < 5 || !strings.HasPrefix(fields[0], "cpu") || fields[0] == "cpu" {
			continue
		}
		var v [10]float64
		for i := 1; i < len(fields) && i <= len(v); i++ {
			v[i-1], _ = strconv.ParseFloat(fields[i], 64)
		}
		const user, nice, system, idle, iowait, irq, softirq, steal = 0, 1, 2, 3, 4, 5, 6, 7
		t := times{user: v[user] + v[nice], system: v[system] + v[irq] + v[softirq], idle: v[idle] + v[iowait]}
		t.total = t.user + t.system + t.idle + v[steal]
		out[fields[0]] = t
		order = append(order, fields[0])
	}
	return out, order
}

func readMemory() *nl.HostMemoryStats {
	m := &nl.HostMemoryStats{}
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m
	}
	var buffers, cached uint64
	for line := range bytes.Lines(raw) {
		fields := strings.Fields(string(line))
		if len(fields) < 2 {
			continue
		}
		kb, _ := strconv.ParseUint(fields[1], 10, 64)
		switch fields[0] {
		case "MemTotal:":
			m.Total = kb * kilobyte
		case "MemFree:":
			m.Free = kb * kilobyte
		case "MemAvailable:":
			m.Available = kb * kilobyte
		case "Buffers:":
			buffers = kb * kilobyte
		case "Cached:":
			cached = kb * kilobyte
		}
	}
	m.Used = m.Total - min(m.Total, m.Free+buffers+cached)
	return m
}

func uptime() uint64 {
	raw, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), " ")
	secs, _ := strconv.ParseFloat(first, 64)
	return uint64(secs)
}

// disks are the file systems on block devices, each once.
func disks() []*nl.HostDiskStats {
	f, err := os.Open("/proc/mounts")
	if err != nil {
		return nil
	}
	defer f.Close()
	out := []*nl.HostDiskStats{}
	seen := map[string]bool{}
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		fields := strings.Fields(scan.Text())
		if len(fields) < 2 || !strings.HasPrefix(fields[0], "/dev/") || seen[fields[0]] {
			continue
		}
		seen[fields[0]] = true
		if d := disk(fields[0], fields[1]); d != nil {
			out = append(out, d)
		}
	}
	return out
}

func disk(device, mount string) *nl.HostDiskStats {
	var st unix.Statfs_t
	if unix.Statfs(mount, &st) != nil || st.Blocks == 0 {
		return nil
	}
	size := uint64(st.Bsize)
	d := &nl.HostDiskStats{
		Device: device, Mountpoint: mount,
		Size: st.Blocks * size, Available: st.Bavail * size, Used: (st.Blocks - st.Bfree) * size,
	}
	if usable := d.Used + d.Available; usable > 0 {
		d.UsedPercent = float64(d.Used) * 100 / float64(usable)
	}
	if st.Files > 0 {
		d.InodesUsedPercent = float64(st.Files-st.Ffree) * 100 / float64(st.Files)
	}
	return d
}

// Disk describes the file system that holds a directory.
func Disk(dir string) *nl.HostDiskStats {
	if d := disk("", dir); d != nil {
		return d
	}
	return &nl.HostDiskStats{}
}
