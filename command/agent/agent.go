// Package agent is the composition root: it turns a configuration into a
// running server, client or both, with the HTTP API in front, and carries what
// an agent tells about itself. The agent command runs it; nothing else builds
// servers and clients.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nomadlike/nomadlike/client"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/server"
	"github.com/nomadlike/nomadlike/server/http"

	"github.com/nomadlike/nomadlike/command/agent/config"
	"github.com/nomadlike/nomadlike/command/pace"
	"github.com/nomadlike/nomadlike/command/version"
)

// Agent is a running agent.
type Agent struct {
	cfg     *config.Config
	version version.Info
	cmdline []string
	log     hclog.InterceptLogger
	logFile io.Closer

	self     *session.Mux // what the agent tells about itself
	server   *server.Server
	client   *client.Client
	api      *http.API
	listen   *listeners
	registry *prometheus.Registry
	gone     chan struct{} // closed when the agent ends
	temp     string        // directories of a development agent, removed at the end
	reload   func() (*config.Config, error)
}

// Options are what the agent needs beside its configuration.
type Options struct {
	Version version.Info
	Cmdline []string
	Log     io.Writer
	// Reload reads the configuration again.
	Reload func() (*config.Config, error)
}

// New opens files and ports; Run serves.
func New(cfg *config.Config, o Options) (*Agent, error) {
	log, closer, err := newLogger(cfg, o.Log)
	if err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, version: o.Version, cmdline: o.Cmdline, log: log, logFile: closer, self: session.NewMux(), reload: o.Reload, gone: make(chan struct{})}
	// Libraries that only know the standard logger speak at the level they name.
	stdlog.SetOutput(log.Named("library").StandardWriter(&hclog.StandardLoggerOptions{InferLevels: true, ForceLevel: hclog.NoLevel}))
	stdlog.SetFlags(0)
	a.serveSelf(a.self)
	a.registry = newRegistry(a.gauges)
	if err := a.open(); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *Agent) open() error {
	if a.cfg.DevMode {
		if err := a.devDirs(); err != nil {
			return err
		}
	}
	// The HTTP port comes first: a second agent on the machine is told about
	// its mistake before anything is written.
	var err error
	if a.listen, err = listen(a.cfg); err != nil {
		return err
	}
	if a.cfg.Server.Enabled {
		c, err := a.serverConfig()
		if err != nil {
			return err
		}
		if a.server, err = server.New(c); err != nil {
			return fmt.Errorf("starting the server: %w", err)
		}
	}
	if a.cfg.Client.Enabled {
		if a.client, err = client.New(a.clientConfig()); err != nil {
			return fmt.Errorf("starting the client: %w", err)
		}
		a.serveSelf(a.client.Mux())
	}
	hc := http.Config{
		Backend: a.backend(), Agent: a, Logger: a.log.Named("http"), Region: a.cfg.Region, Headers: a.cfg.HTTPAPIResponseHeaders,
		EnableDebug: a.cfg.EnableDebug, ACLEnabled: a.cfg.ACL.Enabled, OIDCIssuer: a.cfg.Server.OIDCIssuer, PrometheusMetrics: a.cfg.Telemetry.PrometheusMetrics,
	}
	if a.server != nil {
		hc.Events, hc.Gossip = a.server.Events(), a.server.Members()
	}
	if a.client != nil {
		hc.NodeID = a.client.NodeID()
	}
	a.api, err = http.New(hc)
	return err
}

// Log is the agent's logger.
func (a *Agent) Log() hclog.Logger { return a.log }

// Run serves until ctx ends or a part fails.
func (a *Agent) Run(ctx context.Context) error {
	defer a.close()
	handler, err := a.api.Handler()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	run := func(name string, f func(context.Context) error) {
		parts.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	run("HTTP API", func(ctx context.Context) error { return a.listen.serve(ctx, handler, a.log.Named("http")) })
	run("collector", pace.Keep)
	if a.client != nil {
		run("client", a.client.Run)
	}
	if a.server != nil {
		run("server", a.server.Run)
	}
	<-ctx.Done()
	close(a.gone)
	parts.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// devDirs makes the directories of an agent that keeps nothing.
func (a *Agent) devDirs() error {
	dir, err := os.MkdirTemp("", "nomadlike-dev-")
	if err != nil {
		return fmt.Errorf("making directories for development mode: %w", err)
	}
	// Tasks that run as other users must get through to their directories.
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	a.temp = dir
	c := a.cfg
	for _, d := range []struct {
		to   *string
		name string
	}{{&c.Client.StateDir, "client"}, {&c.Client.AllocDir, "alloc"}, {&c.Client.AllocMountsDir, "alloc_mounts"}, {&c.PluginDir, "plugins"},
		{&c.Client.HostVolumesDir, "host_volumes"}} {
		if *d.to == "" {
			*d.to = dir + "/" + d.name
		}
	}
	return nil
}

func (a *Agent) close() {
	if a.listen != nil {
		a.listen.close()
	}
	if a.temp != "" {
		os.RemoveAll(a.temp)
	}
	if a.logFile != nil {
		a.logFile.Close()
	}
}
