package hostvolume

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// changeTimeout bounds how long a plugin may make or remove a volume.
	changeTimeout = time.Minute
	// fingerprintTimeout bounds how long a plugin may take to tell its version.
	fingerprintTimeout = 5 * time.Second
	// outputMax bounds what a plugin may say, bytes.
	outputMax = 1 << 20
	// complaintMax bounds how much of its complaint errors repeat, bytes.
	complaintMax = 1024
)

// Operations of plugins.
const (
	opFingerprint = "fingerprint"
	opCreate      = "create"
	opDelete      = "delete"
)

// Fingerprint is the version of every plugin that works, by attribute, and
// why others do not.
func (m *Manager) Fingerprint(ctx context.Context) (attributes map[string]string, problems []error) {
	attribute := func(id string) string { return "plugins.host_volume." + id + ".version" }
	attributes = map[string]string{attribute(PluginMkdir): m.cfg.Version}
	entries, err := os.ReadDir(m.cfg.PluginDir)
	if err != nil {
		return attributes, nil // most nodes have none
	}
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(m.cfg.PluginDir, e.Name()))
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		version, err := m.version(ctx, e.Name())
		if err != nil {
			problems = append(problems, fmt.Errorf("host volume plugin %q: %w", e.Name(), err))
			continue
		}
		attributes[attribute(e.Name())] = version
	}
	return attributes, problems
}

func (m *Manager) version(ctx context.Context, id string) (string, error) {
	p, err := m.external(id)
	if err != nil {
		return "", err
	}
	var reply struct {
		Version string `json:"version"`
	}
	if err := p.run(ctx, fingerprintTimeout, opFingerprint, nil, &reply); err != nil {
		return "", err
	}
	if reply.Version == "" {
		return "", errors.New("it tells no version")
	}
	return reply.Version, nil
}

// external is an executable that is run once for each operation.
type external struct {
	cfg  *Config
	path string
}

func (m *Manager) external(id string) (*external, error) {
	if id == "" || id != filepath.Base(id) || strings.HasPrefix(id, ".") || m.cfg.PluginDir == "" {
		return nil, fmt.Errorf("no such host volume plugin: %q", id)
	}
	path := filepath.Join(m.cfg.PluginDir, id)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("no such host volume plugin: %q is no file in %s", id, m.cfg.PluginDir)
	}
	return &external{cfg: &m.cfg, path: path}, nil
}

func (p *external) create(ctx context.Context, v *nl.HostVolume) (string, int64, error) {
	var reply struct {
		Path  string `json:"path"`
		Bytes int64  `json:"bytes"`
	}
	if err := p.run(ctx, changeTimeout, opCreate, v, &reply); err != nil {
		return "", 0, err
	}
	if info, err := os.Stat(reply.Path); err != nil || !filepath.IsAbs(reply.Path) || !info.IsDir() {
		return "", 0, fmt.Errorf("it tells the path %q, which is no directory with an absolute path", reply.Path)
	}
	return reply.Path, reply.Bytes, nil
}

func (p *external) remove(ctx context.Context, v *nl.HostVolume) error {
	return p.run(ctx, changeTimeout, opDelete, v, nil)
}

// run runs the plugin and reads its reply from its output.
func (p *external) run(ctx context.Context, timeout time.Duration, operation string, v *nl.HostVolume, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, operation)
	var out, complaint bounded
	out.left, complaint.left = outputMax, complaintMax
	cmd.Stdout, cmd.Stderr = &out, &complaint
	env, err := p.env(operation, v)
	if err != nil {
		return err
	}
	cmd.Env = env
	cmd.WaitDelay = time.Second // for children that keep the output open
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not end within %v", timeout)
		}
		return fmt.Errorf("%s: %w: %s", operation, err, strings.TrimSpace(complaint.String()))
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(out.Bytes(), reply); err != nil {
		return fmt.Errorf("%s: its output is no JSON object: %w", operation, err)
	}
	return nil
}

func (p *external) env(operation string, v *nl.HostVolume) ([]string, error) {
	env := []string{
		"DHV_OPERATION=" + operation, "DHV_PLUGIN_DIR=" + p.cfg.PluginDir, "PATH=" + os.Getenv("PATH"),
	}
	if v == nil {
		return env, nil
	}
	parameters, err := json.Marshal(v.Parameters)
	if err != nil {
		return nil, err
	}
	if v.Parameters == nil {
		parameters = []byte("{}")
	}
	env = append(env,
		"DHV_VOLUMES_DIR="+p.cfg.Dir, "DHV_NODE_ID="+p.cfg.NodeID, "DHV_NODE_POOL="+p.cfg.NodePool,
		"DHV_NAMESPACE="+v.Namespace, "DHV_VOLUME_NAME="+v.Name, "DHV_VOLUME_ID="+v.ID,
		"DHV_PARAMETERS="+string(parameters))
	switch operation {
	case opCreate:
		env = append(env, "DHV_CAPACITY_MIN_BYTES="+strconv.Itoa(v.RequestedCapacityMinBytes),
			"DHV_CAPACITY_MAX_BYTES="+strconv.Itoa(v.RequestedCapacityMaxBytes))
	case opDelete:
		env = append(env, "DHV_CREATED_PATH="+v.HostPath)
	}
	return env, nil
}

// bounded keeps the first bytes of what is written to it and drops the rest.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.left)]
	b.left -= len(kept)
	b.Buffer.Write(kept)
	return len(p), nil
}
