package sched_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// TestRandom plays random lives of a few jobs on a few nodes. There is nothing
// to compare with: what must hold whatever happens (see process) is checked
// after every evaluation.
func TestRandom(t *testing.T) {
	const lives = 200
	for seed := range uint64(lives) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomLife(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

var randomSpecs = []string{
	"", " update=1", " update=2 canary=1", " lost=5m update=1", ` spread="${attr.rack}"`,
	` constraint="distinct_hosts"`, " port=http:80", " dyn=a dyn=b:80", ` affinity="50:${attr.rack} = a"`,
	" cores=1", " sticky=true", ` constraint="distinct_property ${attr.rack} 3"`, " replace=false", " stopafter=1m",
	" lost=1m reconcile=longest_running", " volume=data!",
	" gang=true", " gang=true update=2 canary=2", ` constraint="${alloc.job} != j0"`, ` constraint="${alloc.job} is_set"`, ` affinity="-50:${alloc.job} set_contains_any j1,j2"`,
}

// randomSpec is one spec, or two that do not set the same thing.
func randomSpec(r *rand.Rand) string {
	a, b := randomSpecs[r.IntN(len(randomSpecs))], randomSpecs[r.IntN(len(randomSpecs))]
	for _, key := range []string{"update=", "lost=", "stopafter", "gang", "constraint", "affinity"} {
		if strings.Contains(a, key) && strings.Contains(b, key) || strings.Contains(a+b, "lost=") && strings.Contains(a+b, "stopafter") {
			return a
		}
	}
	return a + b
}

func randomLife(t *testing.T, r *rand.Rand) {
	w := newWorld(t)
	w.echo = true
	defer func() {
		if t.Failed() {
			t.Log(w.out.String())
		}
	}()
	const nodes = 6
	w.block([]string{fmt.Sprintf("nodes %d cpu=2000 mem=2000,4000 cores=4 attr.rack=a,b,c volume=data", nodes)})
	if r.IntN(2) == 0 {
		w.block([]string{"config preempt=service,system,batch"})
	}
	kinds := []string{"service", "service", "service", "batch", "system", "system", "sysbatch"}
	spec := map[string]string{}
	jobs := []string{"j0", "j1", "j2"}
	for i, j := range jobs {
		spec[j] = fmt.Sprintf("type=%s prio=%d%s", kinds[r.IntN(len(kinds))], 30+20*i, randomSpec(r))
		if strings.HasPrefix(spec[j], "type=sys") {
			spec[j] = strings.ReplaceAll(spec[j], " gang=true", "") // nothing runs everywhere together
		}
	}
	register := func(j string) {
		count := r.IntN(6)
		if strings.HasPrefix(spec[j], "type=sys") {
			count = 1
		}
		w.block([]string{fmt.Sprintf("job %s %s count=%d env=e%d cpu=%d mem=%d", j, spec[j], count, r.IntN(3), 50+50*r.IntN(4), 50+100*r.IntN(4))})
	}
	for _, j := range jobs {
		register(j)
		w.block([]string{"run " + j})
	}
	statuses := []string{"running", "running health=true", "running health=false", "failed ago=1m", "complete"}
	for range 25 {
		node := fmt.Sprintf("n%d", 1+r.IntN(nodes))
		switch r.IntN(10) {
		case 0, 1:
			register(jobs[r.IntN(len(jobs))])
		case 2:
			w.block([]string{[]string{"down ", "disconnect ", "ineligible ", "drain "}[r.IntN(4)] + node})
		case 3, 4:
			w.block([]string{"up " + node, "undrain " + node})
		case 5:
			w.block([]string{fmt.Sprintf("time +%ds", r.IntN(400)), "due"})
		case 6:
			j := jobs[r.IntN(len(jobs))]
			if d := w.state.LatestDeployment("default", j); d != nil && d.Active() {
				w.block([]string{[]string{"pause ", "resume ", "fail "}[r.IntN(3)] + j})
			}
		case 7:
			j := jobs[r.IntN(len(jobs))]
			switch d := w.state.LatestDeployment("default", j); {
			case d != nil && d.Active() && w.promotable(d):
				w.block([]string{"promote " + j})
			case r.IntN(4) == 0:
				w.block([]string{[]string{"stop ", "purgejob "}[r.IntN(2)] + j})
				register(j)
			}
		default:
			w.randomStatus(r, statuses[r.IntN(len(statuses))])
		}
		w.block([]string{"run " + jobs[r.IntN(len(jobs))]})
		if t.Failed() {
			return
		}
	}
}

// promotable tells whether the deployment has canaries, and all it wants are healthy.
func (w *world) promotable(d *nl.Deployment) bool {
	canaries := false
	for _, st := range d.TaskGroups {
		healthy := 0
		for _, id := range st.PlacedCanaries {
			if a := w.state.Alloc(id); a != nil && !a.Terminal() && a.Healthy() {
				healthy++
			}
		}
		if healthy < st.DesiredCanaries {
			return false
		}
		canaries = canaries || st.DesiredCanaries > 0 && !st.Promoted
	}
	return canaries
}

// randomStatus tells of one random live allocation.
func (w *world) randomStatus(r *rand.Rand, status string) {
	var live []string
	for a := range w.state.Allocs("default") {
		if !a.Terminal() {
			live = append(live, w.called(a))
		}
	}
	if len(live) == 0 {
		return
	}
	name := live[r.IntN(len(live))]
	if r.IntN(5) == 0 {
		w.block([]string{"transition " + name + " migrate"})
		return
	}
	w.block([]string{"set " + name + " status=" + status})
}
