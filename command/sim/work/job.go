package work

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// Jobs that are of their own kind.
const (
	Parameterized = 8
	Periodic      = 9
)

// JobID is the ID of a job by its number.
func JobID(job int) string { return fmt.Sprintf("job-%d", job) }

// Group is the name of the one group of every job.
const Group = "g"

// batchMax is how many seconds a run of batch work takes at most: the work of
// one job that fails each time, and has but one place, must end while clusters
// settle (8 allocations, 3 times, 2 runs each).
const batchMax = 25

// typeOf is the type of a job, the same in all its versions.
func typeOf(job int) string {
	switch job {
	case 4, 5, Parameterized, Periodic, MassBatch:
		return nl.JobTypeBatch
	case 6:
		return nl.JobTypeSystem
	case 7:
		return nl.JobTypeSysBatch
	}
	return nl.JobTypeService
}

// object is a JSON object.
type object map[string]any

// shape is a job's specification before it is written down.
type shape struct {
	kind       string
	count      int
	cpu, mem   int
	runFor     time.Duration // 0: until it is stopped
	exit       int
	startErr   bool
	canaries   int
	parallel   int
	auto       bool // promote
	revert     bool
	deployment bool
	lostAfter  time.Duration
	replace    bool
	class      string
	spread     bool
	distinct   bool
	static     bool
	dynamic    bool
	priority   int
	killAfter  time.Duration
	version    uint64
}

// shapeOf draws a specification. The same job and seed give the same one.
func shapeOf(job int, seed uint64) shape {
	r := rand.New(rand.NewPCG(seed, uint64(job)))
	chance := func(percent int) bool { return r.IntN(100) < percent }
	s := shape{
		kind: typeOf(job), count: r.IntN(7) + 1, cpu: 100 * (r.IntN(12) + 1), mem: 128 * (r.IntN(8) + 1),
		priority: []int{20, 50, 50, 80}[r.IntN(4)], version: seed % 1000,
	}
	if chance(20) {
		s.class = "large"
	}
	s.spread, s.distinct = chance(15), chance(15)
	s.static, s.dynamic = chance(10), chance(20)
	if chance(30) {
		s.killAfter = time.Duration(r.IntN(4000)) * time.Millisecond
	}
	switch s.kind {
	case nl.JobTypeService:
		s.deployment = chance(80)
		s.parallel = r.IntN(3) + 1
		if chance(30) {
			s.canaries, s.auto = r.IntN(2)+1, chance(60)
		}
		s.revert = chance(30)
		if chance(25) {
			s.lostAfter, s.replace = time.Duration(r.IntN(60)+5)*time.Second, chance(50)
		}
		s.startErr = chance(8)
		if chance(8) {
			s.runFor, s.exit = time.Duration(r.IntN(20)+1)*time.Second, 1
		}
	case nl.JobTypeSystem:
		s.count, s.static, s.distinct, s.spread = 1, chance(30), false, false
		s.cpu, s.mem = 100, 128
	case nl.JobTypeSysBatch:
		s.count, s.distinct, s.spread = 1, false, false
		s.cpu, s.mem = 100, 128
		s.runFor = time.Duration(r.IntN(30)+1) * time.Second
	default:
		s.runFor = time.Duration(r.IntN(batchMax)+1) * time.Second
		if chance(15) {
			s.exit = 1
		}
	}
	if isMass(job) {
		s.mass(r)
	}
	return s
}

// steady leaves out what makes the outcome depend on timing.
func (s *shape) steady() {
	s.startErr, s.exit, s.distinct, s.static, s.lostAfter, s.canaries, s.class = false, 0, false, false, 0, 0, ""
	s.cpu, s.mem = 100, 128
}

// Describe tells a specification in a line.
func Describe(job int, seed uint64) string {
	s := shapeOf(job, seed)
	out := fmt.Sprintf("%s count %d, %d MHz, %d MB, priority %d", s.kind, s.count, s.cpu, s.mem, s.priority)
	add := func(on bool, format string, args ...any) {
		if on {
			out += ", " + fmt.Sprintf(format, args...)
		}
	}
	add(s.runFor > 0, "runs for %v", s.runFor)
	add(s.exit > 0, "exits with %d", s.exit)
	add(s.startErr, "does not start")
	add(s.deployment, "deployed %d at a time", s.parallel)
	add(s.canaries > 0, "%d canaries, auto promote %v", s.canaries, s.auto)
	add(s.revert, "auto revert")
	add(s.lostAfter > 0, "lost after %v, replace %v", s.lostAfter, s.replace)
	add(s.class != "", "class %s", s.class)
	add(s.spread, "spread")
	add(s.distinct, "distinct hosts")
	add(s.static, "static port")
	add(s.dynamic, "dynamic port")
	add(s.killAfter > 0, "takes %v to stop", s.killAfter)
	return out
}

// Build makes a job.
func Build(job int, seed uint64, steady bool) (*nl.Job, error) {
	s := shapeOf(job, seed)
	if steady {
		s.steady()
	}
	data, err := json.Marshal(s.document(job))
	if err != nil {
		return nil, err
	}
	doc, err := spec.FromJSON(data)
	if err != nil {
		return nil, err
	}
	return spec.Register(doc)
}

func (s *shape) document(job int) object {
	config := object{"run_for": s.runFor.String(), "exit_code": s.exit, "kill_after": s.killAfter.String()}
	driver := "mock_driver"
	if s.runFor == 0 {
		// Of the mock driver, which would end at once without a time.
		config["run_for"] = (secondsOfDay * time.Second).String()
	}
	if s.startErr {
		config["start_error"] = "simulated"
	}
	group := object{
		"Name": Group, "Count": s.count, "Tasks": []object{{
			"Name": "t", "Driver": driver, "Config": config, "Resources": object{"CPU": s.cpu, "MemoryMB": s.mem},
			"Meta": object{"version": fmt.Sprint(s.version)}, "KillTimeout": 5 * time.Second, "LogConfig": object{"MaxFiles": 1, "MaxFileSizeMB": 10},
		}},
		"RestartPolicy": object{"Attempts": 1, "Interval": 30 * time.Minute, "Delay": 2 * time.Second, "Mode": "fail"},
		"EphemeralDisk": object{"SizeMB": 100},
	}
	if s.kind == nl.JobTypeService || s.kind == nl.JobTypeBatch {
		group["ReschedulePolicy"] = object{"Attempts": 2, "Interval": time.Hour, "Delay": 5 * time.Second, "DelayFunction": "constant", "Unlimited": false}
	}
	if s.kind == nl.JobTypeService {
		group["Migrate"] = object{"MaxParallel": 1, "HealthCheck": "task_states", "MinHealthyTime": 2 * time.Second, "HealthyDeadline": time.Minute}
	}
	s.network(group)
	if s.lostAfter > 0 {
		group["Disconnect"] = object{"LostAfter": s.lostAfter, "Replace": s.replace, "Reconcile": "best_score"}
	}
	doc := object{
		"ID": JobID(job), "Name": JobID(job), "Namespace": Namespace(job), "Type": s.kind, "Datacenters": []string{"*"}, "Priority": s.priority,
		"TaskGroups": []object{group},
	}
	if s.deployment {
		doc["Update"] = object{
			"MaxParallel": s.parallel, "HealthCheck": "task_states", "MinHealthyTime": 2 * time.Second, "HealthyDeadline": 30 * time.Second,
			"ProgressDeadline": time.Minute, "Canary": s.canaries, "AutoPromote": s.canaries > 0 && s.auto, "AutoRevert": s.revert,
		}
	}
	s.where(doc)
	switch job {
	case Parameterized:
		doc["ParameterizedJob"] = object{"Payload": "optional"}
	case Periodic:
		doc["Periodic"] = object{"Enabled": true, "Spec": "*/2 * * * *", "SpecType": "cron", "ProhibitOverlap": s.auto}
	}
	return doc
}

func (s *shape) network(group object) {
	network := object{}
	if s.static {
		network["ReservedPorts"] = []object{{"Label": "fixed", "Value": 8080 + s.priority}}
	}
	if s.dynamic {
		network["DynamicPorts"] = []object{{"Label": "free"}}
	}
	if len(network) > 0 {
		group["Networks"] = []object{network}
	}
}

func (s *shape) where(doc object) {
	var constraints []object
	if s.class != "" {
		constraints = append(constraints, object{"LTarget": "${node.class}", "RTarget": s.class, "Operand": "="})
	}
	if s.distinct {
		constraints = append(constraints, object{"Operand": "distinct_hosts", "RTarget": "true"})
	}
	if len(constraints) > 0 {
		doc["Constraints"] = constraints
	}
	if s.spread {
		doc["Spreads"] = []object{{"Attribute": "${meta.rack}", "Weight": 50}}
	}
}
