package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// submitters register jobs at once: enough that none of them is the limit.
	submitters = 16
	// pollEvery is how often the list of jobs is read, one page of all of them.
	pollEvery = 250 * time.Millisecond
)

// c2m fills a cluster of simulated nodes: jobs x count allocations placed and
// acknowledged as running by their nodes; then a share of them is replaced
// every second for a while, by new versions of whole jobs; then the state is
// saved, and put back.
func c2m(c *client, args []string) (figures, error) {
	fs := flags(c, "c2m")
	jobs := fs.Int("jobs", 1000, "jobs")
	count := fs.Int("count", 2000, "allocations of each job")
	cpu := fs.Int("cpu", 20, "CPU of each allocation, MHz")
	memory := fs.Int("memory", 20, "memory of each allocation, MB")
	kind := fs.String("type", "service", "job type")
	churn := fs.Duration("churn", time.Minute, "how long allocations are replaced; 0 does not")
	percent := fs.Float64("percent", 1, "of the allocations replaced every second")
	snapshot := fs.String("snapshot", "", "file for a snapshot of the state, which is also restored; none when empty")
	pid := fs.Int("pid", 0, "process of the server, for its memory and processor time; 0 leaves them out")
	timeout := fs.Duration("timeout", 20*time.Minute, "give up on each part after")
	fs.Parse(args)

	f := &fill{client: c, timeout: *timeout, usage: usage{*pid}, want: *count}
	for i := range *jobs {
		j := newJob("c2m", *kind, "mock_driver", *count, "")
		j.id, j.atOnce = fmt.Sprintf("c2m-%04d", i), true
		j.cpu, j.memoryMB = *cpu, *memory
		j.config = map[string]any{"run_for": "86400s"}
		f.jobs = append(f.jobs, j)
	}
	out := figures{"jobs": *jobs, "allocations": *jobs * *count}
	if err := f.place(out); err != nil {
		return out, err
	}
	if *churn > 0 {
		if err := f.churn(out, *churn, *percent/100); err != nil {
			return out, err
		}
	}
	if *snapshot != "" {
		if err := f.save(out, *snapshot); err != nil {
			return out, err
		}
	}
	return out, nil
}

// fill is a c2m run.
type fill struct {
	client  *client
	jobs    []job
	want    int // allocations of each job
	timeout time.Duration
	usage   usage
}

// place registers all jobs and waits for their allocations.
func (f *fill) place(out figures) error {
	cpu := f.usage.seconds()
	begin := time.Now()
	if err := f.register(f.jobs); err != nil {
		return err
	}
	out["submitted"] = ms(time.Since(begin))
	total := len(f.jobs) * f.want
	err := f.until(func(s totals) bool {
		if _, done := out["placed"]; !done && s.placed() >= total {
			out["placed"] = ms(time.Since(begin))
		}
		return s.Running >= total
	})
	took := time.Since(begin)
	if err != nil {
		return err
	}
	out["acknowledged"] = ms(took)
	out["acknowledged_per_s"] = math.Round(float64(total) / took.Seconds())
	f.usage.add(out, "fill", cpu)
	return nil
}

// churn registers new versions of so many jobs a second that the share of
// allocations is replaced. What a second does not manage is left to the next.
func (f *fill) churn(out figures, length time.Duration, share float64) error {
	cpu := f.usage.seconds()
	perSecond := max(1, int(math.Round(float64(len(f.jobs))*share)))
	begin := time.Now()
	next := 0
	for second := 0; time.Duration(second)*time.Second < length; second++ {
		var batch []job
		for range perSecond {
			j := &f.jobs[next%len(f.jobs)]
			next++
			j.version++
			batch = append(batch, *j)
		}
		if err := f.register(batch); err != nil {
			return err
		}
		time.Sleep(time.Until(begin.Add(time.Duration(second+1) * time.Second)))
	}
	replaced := next * f.want
	if err := f.until(func(s totals) bool {
		return s.Running == len(f.jobs)*f.want && s.Starting == 0 && s.Queued == 0 && s.ended >= replaced
	}); err != nil {
		return err
	}
	took := time.Since(begin)
	out["churned"] = replaced
	out["churn"] = ms(took)
	out["churn_per_s"] = math.Round(float64(replaced) / took.Seconds())
	f.usage.add(out, "churn", cpu)
	return nil
}

// save takes a snapshot through the API and restores it.
func (f *fill) save(out figures, file string) error {
	begin, cpu := time.Now(), f.usage.seconds()
	size, err := f.transfer("GET", file)
	if err != nil {
		return err
	}
	out["snapshot"] = ms(time.Since(begin))
	out["snapshot_mb"] = math.Round(float64(size) / (1 << 20))
	f.usage.add(out, "snapshot", cpu)
	begin, cpu = time.Now(), f.usage.seconds()
	if _, err := f.transfer("PUT", file); err != nil {
		return err
	}
	out["restore"] = ms(time.Since(begin))
	f.usage.add(out, "restore", cpu)
	return nil
}

// transfer reads a snapshot into the file, or sends the file.
func (f *fill) transfer(method, file string) (int64, error) {
	flag := os.O_RDONLY
	if method == "GET" {
		flag = os.O_RDWR | os.O_CREATE | os.O_TRUNC
	}
	disk, err := os.OpenFile(file, flag, 0o600)
	if err != nil {
		return 0, err
	}
	defer disk.Close()
	var body io.Reader
	if method == "PUT" {
		body = disk
	}
	req, err := http.NewRequest(method, f.client.addr+"/v1/operator/snapshot", body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Nomad-Token", f.client.token)
	resp, err := f.client.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return 0, fmt.Errorf("%s /v1/operator/snapshot: %s: %s", method, resp.Status, bytes.TrimSpace(text))
	}
	if method == "PUT" {
		return 0, nil
	}
	return io.Copy(disk, resp.Body)
}

// register registers jobs, several at a time.
func (f *fill) register(jobs []job) error {
	work := make(chan job)
	go func() {
		defer close(work)
		for _, j := range jobs {
			work <- j
		}
	}()
	return parallel(submitters, func(int) error {
		var first error
		for j := range work {
			if _, err := f.client.register(j); err != nil && first == nil {
				first = err
			}
		}
		return first
	})
}

// totals are the counts of all jobs together.
type totals struct {
	counts
	ended int // allocations of earlier versions whose nodes said so
}

func (f *fill) until(done func(totals) bool) error {
	start := time.Now()
	for {
		got, err := f.totals()
		if err != nil {
			return err
		}
		if done(got) {
			return nil
		}
		if time.Since(start) > f.timeout {
			return fmt.Errorf("not there after %s: %+v", f.timeout, got)
		}
		time.Sleep(pollEvery)
	}
}

// totals reads all jobs in one answer.
func (f *fill) totals() (totals, error) {
	var list []struct {
		ID         string
		JobSummary struct{ Summary map[string]counts }
	}
	if _, err := f.client.do("GET", "/v1/jobs?prefix=c2m-", nil, &list); err != nil {
		return totals{}, err
	}
	var t totals
	for _, j := range list {
		for _, g := range j.JobSummary.Summary {
			t.Queued += g.Queued
			t.Starting += g.Starting
			t.Running += g.Running
			t.Complete += g.Complete
			t.Failed += g.Failed
			t.Lost += g.Lost
		}
	}
	t.ended = t.Complete + t.Failed + t.Lost
	return t, nil
}

// usage reads what a process uses.
type usage struct{ pid int }

// seconds is the processor time so far.
func (u usage) seconds() float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", u.pid))
	if err != nil {
		return 0
	}
	const clockTicks = 100 // per second, fixed on Linux
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / clockTicks
}

// add puts what was used since into figures.
func (u usage) add(out figures, part string, since float64) {
	if u.pid == 0 {
		return
	}
	out[part+"_cpu_s"] = math.Round((u.seconds()-since)*10) / 10
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", u.pid))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && (fields[0] == "VmRSS:" || fields[0] == "VmHWM:") {
			kb, _ := strconv.ParseFloat(fields[1], 64)
			out[part+"_"+strings.ToLower(strings.TrimSuffix(fields[0], ":"))+"_mb"] = math.Round(kb / 1024)
		}
	}
}
