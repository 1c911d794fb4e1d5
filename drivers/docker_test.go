//go:build linux

package drivers

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/nomadlike/nomadlike/drivers/docker"
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
