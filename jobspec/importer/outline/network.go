package outline

import "time"

// Networks are the choices of what groups are connected by.
const (
	// NetworkAuto publishes ports of containers through their engine. Groups
	// whose containers share an address use the node's, which runs anywhere.
	NetworkAuto = "auto"
	// NetworkHost uses the node's own network for all groups.
	NetworkHost = "host"
	// NetworkBridge gives each allocation whose containers share an address one
	// of its own. The nodes need the CNI plugins.
	NetworkBridge = "bridge"
)

// connect decides on the network of each group.
func (j *Job) connect(network string) {
	for _, g := range j.Groups {
		switch {
		case g.Mode == "host":
		case network == NetworkHost:
			g.Mode = "host"
		case g.Shared && network == NetworkBridge:
			g.Mode = "bridge"
			g.Check("the containers share an address: the nodes need the CNI plugins for bridge networks")
		case g.Shared:
			g.Mode = "host"
			g.Check("the containers share an address, which is the node's, so that one instance fits on a node; where nodes have the CNI plugins, -network=bridge gives each instance one of its own")
		}
		if g.Mode == "host" {
			g.listen()
		}
	}
}

// listen makes the ports of a group those that its programs listen on, since
// nothing maps them.
func (g *Group) listen() {
	for _, p := range g.Ports {
		if p.To == 0 {
			continue // the scheduler chooses, and the program asks which
		}
		if p.Static != 0 && p.Static != p.To {
			p.Lost("it was published as port %d; in the network of the node it is where the program listens", p.Static)
		}
		p.Static = p.To
	}
}

// Settle makes the last decisions, once the job has its final name.
func (j *Job) Settle(network string) {
	j.connect(network)
	j.settle()
	for _, g := range j.Groups {
		g.place()
		if j.Type == Service {
			g.patience()
		}
		if g.DiskMB > 0 && g.DiskMB < diskMin {
			g.Check("the disk of %d MB: it must hold the logs of a task, which may take 100 MB", g.DiskMB)
			g.DiskMB = diskMin
		}
	}
}

// patience gives deployments longer than the longest stop of a task takes, as
// they must have.
func (g *Group) patience() {
	longest := time.Duration(0)
	for _, t := range g.Tasks {
		longest = max(longest, t.KillTimeout)
	}
	end := progressDflt
	if g.Update != nil && g.Update.ProgressEnd > 0 {
		end = g.Update.ProgressEnd
	}
	if longest < end {
		return
	}
	if g.Update == nil {
		g.Update = &Update{MaxParallel: 1}
	}
	g.Update.ProgressEnd = longest + progressDflt
	g.Update.Check("progress_deadline must be longer than kill_timeout")
}

// progressDflt is the deadline of a deployment that says none.
const progressDflt = 10 * time.Minute

// diskMin is the least disk of a group, in MB: more than its tasks' logs may
// take by default.
const diskMin = 101
