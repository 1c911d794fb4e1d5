//go:build linux

package drivers

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/nomadlike/nomadlike/drivers/docker"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/driver"
	"github.com/nomadlike/nomadlike/plugins/drivertest"
)

// testImage holds a shell and is never pulled.
const testImage = "busybox:local"

// engine returns a client of the engine under DOCKER_HOST or the usual socket.
// Without one the test is skipped, except where CI promises that there is one.
func engine(t *testing.T) *client.Client {
	t.Helper()
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	const pingMax = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), pingMax)
	defer cancel()
	if _, err := api.Ping(ctx); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no Docker engine: %v", err)
		}
		t.Skipf("no Docker engine: %v", err)
	}
	ensureImage(t, api)
	return api
}

// ensureImage makes the test image of the host's static busybox where it is
// missing.
func ensureImage(t *testing.T, api *client.Client) {
	t.Helper()
	ctx := context.Background()
	if _, err := api.ImageInspect(ctx, testImage); err == nil {
		return
	}
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatalf("image %s is missing and so is a busybox to make it of: install busybox-static", testImage)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h *tar.Header, body []byte) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin/", "etc/", "proc/", "sys/", "dev/", "tmp/"} {
		add(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o777}, nil)
	}
	add(&tar.Header{Name: "bin/busybox", Mode: 0o755}, program)
	add(&tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\n"))
	for _, applet := range strings.Fields("sh sleep echo printf cat dd stty true false env kill ls head seq") {
		add(&tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	progress, err := api.ImageImport(ctx, image.ImportSource{Source: &archive, SourceName: "-"}, testImage,
		image.ImportOptions{Changes: []string{"ENV PATH=/bin", `CMD ["/bin/sh"]`}})
	if err != nil {
		t.Fatal(err)
	}
	defer progress.Close()
	if _, err := io.Copy(io.Discard, progress); err != nil {
		t.Fatal(err)
	}
}

func TestDocker(t *testing.T) {
	engine(t)
	shell := func(script string) map[string]any {
		return map[string]any{
			"image": testImage, "command": "/bin/sh", "args": []string{"-c", script}, "network_mode": "none", "init": false,
		}
	}
	drivertest.Run(t, drivertest.Harness{
		Launch: launch(t, docker.Name), Name: docker.Name, Shell: shell,
		PluginConfig: map[string]any{"gc": map[string]any{"image": false}},
		BadConfigs: map[string]map[string]any{
			"privileged":           {"image": testImage, "privileged": true},
			"host path":            {"image": testImage, "volumes": []string{"/etc:/etc2"}},
			"no such program":      {"image": testImage, "command": "/no/such/program", "network_mode": "none"},
			"unknown port":         {"image": testImage, "ports": []string{"http"}},
			"malformed image":      {"image": "UPPER//case"},
			"isolation":            {"image": testImage, "isolation": "process"},
			"capability":           {"image": testImage, "cap_add": []string{"sys_admin"}},
			"host pid namespace":   {"image": testImage, "pid_mode": "host"},
			"image without a host": {"image": "registry.invalid/none:1"},
		},
	})
}

// TestDockerOutputOverRestarts: a plugin that is killed again and again neither
// loses nor repeats output.
func TestDockerOutputOverRestarts(t *testing.T) {
	engine(t)
	h := newHost(t, docker.Name, map[string]any{"gc": map[string]any{"image": false}})
	const lines, kills = 300, 3
	c := h.task(map[string]any{"image": testImage, "network_mode": "none", "command": "/bin/sh",
		"args": []string{"-c", `i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; [ $((i%10)) = 0 ] && sleep 0.02; done; true`}})
	c.StdoutPath = filepath.Join(c.SharedDir(), "logs", "t.stdout.0")
	handle := h.start(c)
	for range kills {
		before := len(readLines(t, c.StdoutPath))
		eventually(t, "more output", func() bool {
			n := len(readLines(t, c.StdoutPath))
			return n > before || n == lines
		})
		check(t, syscall.Kill(h.inst.ReattachRecord().Pid, syscall.SIGKILL))
		<-h.inst.Done()
		h.inst.Kill()
		inst, err := driver.Launch(h.ctx(), h.launch, h.config)
		check(t, err)
		h.inst = inst
		check(t, h.inst.RecoverTask(h.ctx(), handle))
	}
	if r := h.wait(c.ID); !r.Successful() {
		t.Errorf("task ended with %+v", r)
	}
	got := readLines(t, c.StdoutPath)
	for i, line := range got {
		if want := fmt.Sprintf("line %d", i+1); line != want {
			t.Fatalf("line %d of %d is %q", i+1, len(got), line)
		}
	}
	if len(got) != lines {
		t.Errorf("%d of %d lines arrived", len(got), lines)
	}
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
}

// TestDockerNetwork: a container holds the network of an allocation, and its
// tasks join it.
func TestDockerNetwork(t *testing.T) {
	api := engine(t)
	const pauseImage = "nomadlike-pause:local"
	built, err := api.ContainerCreate(t.Context(), &container.Config{Image: testImage, Cmd: []string{"sleep", "3600"}}, nil, nil, nil, "")
	check(t, err)
	t.Cleanup(func() { _ = api.ContainerRemove(context.Background(), built.ID, container.RemoveOptions{Force: true}) })
	_, err = api.ContainerCommit(t.Context(), built.ID, container.CommitOptions{Reference: pauseImage})
	check(t, err)
	t.Cleanup(func() { _, _ = api.ImageRemove(context.Background(), pauseImage, image.RemoveOptions{Force: true}) })

	h := newHost(t, docker.Name, map[string]any{"gc": map[string]any{"image": false}, "infra_image": pauseImage})
	c := h.task(map[string]any{"image": testImage, "command": "/bin/sh", "args": []string{"-c", "cat /etc/hosts; hostname || true; sleep 3600"}})
	c.StdoutPath = filepath.Join(c.SharedDir(), "logs", "t.stdout.0")
	spec, created, err := h.inst.CreateNetwork(h.ctx(), c.AllocID, &driver.NetworkRequest{Hostname: "myhost"})
	check(t, err)
	t.Cleanup(func() { _ = h.inst.DestroyNetwork(h.ctx(), c.AllocID, spec) })
	if !created || spec.Mode != driver.NetworkModeGroup || spec.Path == "" || spec.Labels["docker_sandbox_container_id"] == "" {
		t.Fatalf("network is %+v, created %v", spec, created)
	}
	again, created, err := h.inst.CreateNetwork(h.ctx(), c.AllocID, &driver.NetworkRequest{Hostname: "myhost"})
	check(t, err)
	if created || again.Path != spec.Path {
		t.Errorf("second call made %+v, created %v", again, created)
	}
	c.Network = spec
	c.Network.Hosts = &driver.HostsConfig{Hostname: "myhost", Address: "172.26.64.9"}
	h.start(c)
	eventually(t, "hosts file", func() bool {
		return strings.Contains(strings.Join(readLines(t, c.StdoutPath), "\n"), "172.26.64.9 myhost")
	})
	check(t, h.inst.DestroyTask(h.ctx(), c.ID, true))
	check(t, h.inst.DestroyNetwork(h.ctx(), c.AllocID, spec))
	if _, err := api.ContainerInspect(t.Context(), spec.Labels["docker_sandbox_container_id"]); err == nil {
		t.Error("the network's container is still there")
	}
}

// TestDockerImages: an image nobody uses any more is removed; one that the
// engine cannot get fails clearly.
func TestDockerImages(t *testing.T) {
	api := engine(t)
	const copied = "nomadlike-gc:local"
	built, err := api.ContainerCreate(t.Context(), &container.Config{Image: testImage, Cmd: []string{"true"}}, nil, nil, nil, "")
	check(t, err)
	_, err = api.ContainerCommit(t.Context(), built.ID, container.CommitOptions{Reference: copied, Config: &container.Config{Labels: map[string]string{"copy": "1"}}})
	check(t, err)
	check(t, api.ContainerRemove(t.Context(), built.ID, container.RemoveOptions{Force: true}))

	h := newHost(t, docker.Name, map[string]any{"gc": map[string]any{"image": true, "image_delay": "10ms"}})
	c := h.task(map[string]any{"image": copied, "command": "true", "network_mode": "none"})
	h.start(c)
	h.wait(c.ID)
	check(t, h.inst.DestroyTask(h.ctx(), c.ID, true))
	eventually(t, "removal of the image", func() bool {
		_, err := api.ImageInspect(t.Context(), copied)
		return err != nil
	})
	missing := h.task(map[string]any{"image": "registry.invalid/no/such:1"})
	_, _, err = h.inst.StartTask(h.ctx(), missing)
	if err == nil || !strings.Contains(err.Error(), "Failed to pull `registry.invalid/no/such:1`") || !base.IsRecoverable(err) {
		t.Errorf("missing image: %v, recoverable %v", err, base.IsRecoverable(err))
	}
}
