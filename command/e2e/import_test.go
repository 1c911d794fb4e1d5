package e2e

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/nomad/api"
)

// imported is a file of another scheduler and what becomes of it.
type imported struct {
	file string
	// jobs are those that it gives, with how many of their allocations come to
	// which status.
	jobs map[string]ends
	// secrets are what the comment at the top of the job file asks for.
	secrets map[string]string
	// published tells that the file publishes ports of a container through its
	// engine. The tests' engine has no bridge, so that such files are imported
	// for the network of the node.
	published bool
	// volumes tells that the docker plugin must allow volumes.
	volumes bool
	// serves is what the job answers over HTTP on the port of its service.
	serves string
}

type ends struct {
	count  int
	status string
}

func running(count int) ends  { return ends{count, api.AllocClientStatusRunning} }
func complete(count int) ends { return ends{count, api.AllocClientStatusComplete} }

// imports are three files of each kind. Their programs end at once where what
// the importer carried over is not as it was, so that a job runs or completes
// only when it is.
var imports = []imported{
	{file: "azure/job.json", jobs: map[string]ends{"wordcount": complete(1)}, secrets: map[string]string{"key": "sesame", "texts_words": "one two three"}},
	{file: "azure/template.json", jobs: map[string]ends{"from-template": complete(1)}},
	{file: "azure/web.yaml", jobs: map[string]ends{"aci-web": running(1)}, serves: "azure serves this"},
	{file: "cloudfoundry/processes.yaml", jobs: map[string]ends{"cf-shop": running(3)}, secrets: map[string]string{"api_key": "sesame"}},
	{file: "cloudfoundry/sidecar.yaml", jobs: map[string]ends{"cf-side": running(1)}},
	{file: "cloudfoundry/web.yaml", jobs: map[string]ends{"cf-web": running(1)}, published: true, serves: "cloudfoundry serves this"},
	{file: "compose/migrate.yaml", jobs: map[string]ends{"migrate": running(1), "migrate-migrate": complete(1)}},
	{file: "compose/pages.yaml", jobs: map[string]ends{"pages": running(1)}, published: true, volumes: true, serves: "compose serves this"},
	{file: "compose/stack.yaml", jobs: map[string]ends{"compose": running(2), "compose-agent": running(1)}, secrets: map[string]string{"api_key": "sesame", "db_password": "tulip"}},
	{file: "ecs/daemon.json", jobs: map[string]ends{"collector": running(1)}},
	{file: "ecs/service.json", jobs: map[string]ends{"orders": running(2)}},
	{file: "ecs/web.json", jobs: map[string]ends{"ecs-web": running(1)}, secrets: map[string]string{"API_KEY": "sesame"}, serves: "ecs serves this"},
	{file: "kubernetes/job.yaml", jobs: map[string]ends{"sum": complete(2)}},
	{file: "kubernetes/nodes.yaml", jobs: map[string]ends{"agent": running(1), "store": running(2)}},
	{file: "kubernetes/web.yaml", jobs: map[string]ends{"kube-web": running(1)}, published: true, secrets: map[string]string{"login_password": "sesame"}, serves: "kubernetes serves this"},
	{file: "marathon/command.json", jobs: map[string]ends{"basic": running(2)}, secrets: map[string]string{"api": "sesame"}},
	{file: "marathon/pod.json", jobs: map[string]ends{"tools-pod": running(1)}},
	{file: "marathon/web.json", jobs: map[string]ends{"shop-web": running(1)}, serves: "marathon serves this"},
}

// TestImportedJobsRun imports files of every kind with the command line, runs
// the jobs, waits for what they are to come to, and purges them.
func TestImportedJobsRun(t *testing.T) {
	needRoot(t)
	if dockerHost(t) == "" {
		t.Skip("DOCKER_HOST names no engine")
	}
	t.Parallel()
	fresh := single(t)
	allowing := newAgent(t, "allowing", loopback(), fmt.Sprintf(serverConfig, 1, ""), fmt.Sprintf(clientConfig, ""), volumesConfig)
	allowing.start()
	allowing.awaitNode()
	for _, i := range imports {
		t.Run(strings.ReplaceAll(i.file, "/", "-"), func(t *testing.T) {
			t.Parallel()
			a := fresh
			if i.volumes {
				a = allowing
			}
			i.run(t, a)
		})
	}
}

// volumesConfig is added to what clientConfig says of the docker plugin.
const volumesConfig = `
plugin "docker" {
  config {
    volumes {
      enabled = true
    }
  }
}
`

func (i imported) run(t *testing.T, a *agent) {
	on := *a // whose failures are those of this test
	on.t = t
	must := func(args ...string) result {
		t.Helper()
		r := on.command(args...)
		if r.code != 0 {
			t.Fatalf("nomadlike %s: %s", strings.Join(args, " "), r)
		}
		return r
	}
	jobs := slices.Sorted(maps.Keys(i.jobs))
	dir := filepath.Join(a.dir, "import", strings.ReplaceAll(i.file, "/", "-"))
	network := "auto"
	if i.published {
		network = "host"
	}
	r := must("job", "import", "-network="+network, "-o="+dir, i.copy(t, a.dir))
	for _, name := range jobs {
		if !strings.Contains(r.err, name) {
			t.Errorf("the table on standard error does not tell of job %s: %s", name, r)
		}
	}
	if len(i.secrets) > 0 {
		// All secrets of these files belong to their first job.
		args := []string{"var", "put", "nomad/jobs/" + jobs[0]}
		for _, k := range slices.Sorted(maps.Keys(i.secrets)) {
			args = append(args, k+"="+i.secrets[k])
		}
		await(t, "the variable is stored", func() error { // a new cluster has no key at first
			if r := on.command(args...); r.code != 0 {
				return fmt.Errorf("%s", r)
			}
			return nil
		})
	}
	for _, name := range jobs {
		must("job", "run", "-detach", filepath.Join(dir, name+".nomad.hcl"))
	}
	for _, name := range jobs {
		want := i.jobs[name]
		allocs := on.awaitAllocs(name, want.count, want.status)
		if i.serves != "" {
			on.awaitServed(allocs[0].ID, i.serves)
		}
	}
	for _, name := range jobs {
		must("job", "stop", "-purge", "-detach", name)
		await(t, name+" is gone", func() error {
			_, _, err := on.api.Jobs().Info(name, nil)
			if err == nil {
				return fmt.Errorf("it is there")
			}
			if !strings.Contains(err.Error(), "404") {
				return err
			}
			return nil
		})
	}
}

// portsPlace are the ports in the files, which make room for some that nobody
// on this machine uses.
var portsPlace = []int{21001, 21002, 21003, 21004, 21005}

// copy writes the file with free ports below a directory.
func (i imported) copy(t *testing.T, dir string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "import", i.file))
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for _, p := range portsPlace {
		if strings.Contains(text, strconv.Itoa(p)) {
			text = strings.ReplaceAll(text, strconv.Itoa(p), strconv.Itoa(freePort(t)))
		}
	}
	path := filepath.Join(dir, i.file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// freePort is a port that nothing listens on, outside of the range that the
// scheduler chooses from.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// awaitServed waits until the first port of an allocation answers with a text.
func (a *agent) awaitServed(allocID, want string) {
	a.t.Helper()
	alloc := a.alloc(allocID)
	if alloc.AllocatedResources == nil || len(alloc.AllocatedResources.Shared.Ports) == 0 {
		a.t.Fatalf("allocation %s has no port", allocID)
	}
	port := alloc.AllocatedResources.Shared.Ports[0]
	url := "http://" + net.JoinHostPort(a.addr, strconv.Itoa(port.Value)) + "/"
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	await(a.t, url+" answers", func() error {
		resp, err := client.Get(url)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		if err == nil && !strings.Contains(string(body), want) {
			err = fmt.Errorf("it says %q", body)
		}
		return err
	})
}
