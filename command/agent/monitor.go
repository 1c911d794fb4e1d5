package agent

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
)

// The bounds of following the log.
const (
	monitorLines     = 512         // buffered; what a slow reader misses is counted
	monitorHeartbeat = time.Second // an empty frame, when nothing is logged
)

// lineSink hands log lines to one reader without ever holding up the logger.
type lineSink struct {
	lines chan []byte
}

func (s *lineSink) Write(p []byte) (int, error) {
	select {
	case s.lines <- bytes.Clone(p):
	default: // the reader is too slow: the line is lost to it
	}
	return len(p), nil
}

// serveMonitor registers what an agent tells about itself.
func (a *Agent) serveSelf(m *session.Mux) {
	session.HandleStream(m, "Agent.Monitor", a.monitor)
	session.Handle(m, "Agent.Host", a.host)
	session.Handle(m, "Agent.Profile", a.profile)
}

func (a *Agent) monitor(ctx context.Context, req *query.AgentMonitor, s session.Stream) error {
	level := hclog.LevelFromString(req.Level)
	if level == hclog.NoLevel {
		return nl.Errorf(nl.CodeInvalid, "Unknown log level: %s", req.Level)
	}
	w := &lineSink{lines: make(chan []byte, monitorLines)}
	sink := hclog.NewSinkAdapter(&hclog.LoggerOptions{Level: level, Output: w, JSONFormat: req.JSON,
		IncludeLocation: req.Location, TimeFormat: "2006-01-02T15:04:05.000Z0700"})
	a.log.RegisterSink(sink)
	defer a.log.DeregisterSink(sink)
	offset := int64(0)
	beat := time.NewTicker(monitorHeartbeat)
	defer beat.Stop()
	for {
		var f query.Frame
		select {
		case <-ctx.Done():
			return nil
		case line := <-w.lines:
			offset += int64(len(line))
			f = query.Frame{Data: line, FileEvent: "log", Offset: offset}
		case <-beat.C:
		}
		if err := s.Send(&f); err != nil {
			return nil
		}
	}
}

func (a *Agent) profile(ctx context.Context, req *query.AgentProfile, reply *query.Profile) error {
	var b bytes.Buffer
	wait := func() {
		t := time.NewTimer(req.Seconds)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	reply.Headers = map[string]string{"X-Content-Type-Options": "nosniff", "Content-Type": "application/octet-stream",
		"Content-Disposition": fmt.Sprintf(`attachment; filename="%s"`, req.Kind)}
	switch req.Kind {
	case "cmdline":
		reply.Headers["Content-Type"] = "text/plain; charset=utf-8"
		b.WriteString(strings.Join(a.cmdline, "\x00"))
	case "profile":
		if err := pprof.StartCPUProfile(&b); err != nil {
			return nl.Errorf(nl.CodeInternal, "starting the CPU profile: %v", err)
		}
		wait()
		pprof.StopCPUProfile()
	case "trace":
		if err := trace.Start(&b); err != nil {
			return nl.Errorf(nl.CodeInternal, "starting the trace: %v", err)
		}
		wait()
		trace.Stop()
	default:
		p := pprof.Lookup(req.Kind)
		if p == nil {
			return nl.Errorf(nl.CodeNotFound, "Pprof profile not found profile: %s", req.Kind)
		}
		if req.Kind == "heap" && req.GC {
			runtime.GC()
		}
		if req.Debug > 0 {
			reply.Headers["Content-Type"] = "text/plain; charset=utf-8"
			delete(reply.Headers, "Content-Disposition")
		}
		if err := p.WriteTo(&b, req.Debug); err != nil {
			return err
		}
	}
	reply.Data = b.Bytes()
	return nil
}
