package watch_test

import (
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// onNode counts what runs healthily on a node.
func (c *cluster) onNode(id string) int {
	count := 0
	for a := range c.st.Snapshot().AllocsByNode(id) {
		if !a.Terminal() && a.Healthy() {
			count++
		}
	}
	return count
}

// watchedPass lets time pass and fails when fewer than least are healthy.
func (c *cluster) watchedPass(seconds, least int, nodes ...string) {
	c.t.Helper()
	for range seconds {
		c.settle()
		healthy := 0
		for _, n := range nodes {
			healthy += c.onNode(n)
		}
		if healthy < least {
			c.t.Fatalf("%d are healthy, want at least %d", healthy, least)
		}
		time.Sleep(time.Second)
	}
}

func TestCluster_DrainsStartFirst(t *testing.T) {
	inCluster(t, 1, func(c *cluster) {
		job := serviceJob("web", 3, "one")
		job.TaskGroups[0].Migrate.Order = nl.OrderStartFirst
		c.register(job)
		c.pass(10)
		c.apply(&op.RegisterNode{Node: clusterNode("node-1")})
		c.apply(&op.SetNodeDrain{
			NodeID: "node-0", Time: time.Now().UnixNano(), LastDrain: &nl.DrainMetadata{Status: "draining"}, Strategy: &nl.DrainStrategy{},
		})
		c.watchedPass(20, 3, "node-0", "node-1")
		c.settle()
		if n := c.onNode("node-1"); n != 3 {
			c.t.Errorf("%d run on the other node, want 3", n)
		}
		if n := c.st.Snapshot().Node("node-0"); n.DrainStrategy != nil {
			c.t.Error("the drain is not over")
		}
	})
}

func TestCluster_RebalancesWhenANodeJoins(t *testing.T) {
	for _, order := range []string{nl.OrderStopFirst, nl.OrderStartFirst} {
		t.Run(order, func(t *testing.T) {
			inCluster(t, 1, func(c *cluster) {
				job := serviceJob("web", 4, "one")
				job.TaskGroups[0].Migrate.Order = order
				job.TaskGroups[0].Rebalance = &nl.Rebalance{Enabled: true, MaxParallel: 1, Interval: time.Hour, OnNodeJoin: true, MinGain: 0.05}
				c.register(job)
				c.pass(15 * 60)
				c.apply(&op.RegisterNode{Node: clusterNode("node-1")})
				least := 3
				if order == nl.OrderStartFirst {
					least = 4
				}
				c.watchedPass(60, least, "node-0", "node-1")
				if a, b := c.onNode("node-0"), c.onNode("node-1"); a != 2 || b != 2 {
					c.t.Errorf("%d and %d run on the two nodes, want 2 on each", a, b)
				}
			})
		})
	}
}
