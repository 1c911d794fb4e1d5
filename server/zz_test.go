package server
import ("testing";"time")
func TestZZStart(t *testing.T) {
	cfg := config("one"); cfg.DataDir = t.TempDir(); cfg.raftTimeout=0; cfg.SegmentMegabytes=0
	for range 4 {
	start := time.Now()
	s := run(t, cfg); a := time.Since(start)
	await(t, "l", s.IsLeader)
	t.Log(a, time.Since(start))
	start = time.Now(); s.stop(); t.Log("stop", time.Since(start))
	}
}
