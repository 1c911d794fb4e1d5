package base

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"syscall"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-version"
	"google.golang.org/grpc"

	"github.com/nomadlike/nomadlike/plugins/base/proto"
)

// protocolVersion is the second field of the handshake line.
const protocolVersion = 2

// setBase is the key of the plugin set that every plugin serves beside its type.
const setBase = "base"

// Handshake is what host and plugin must agree on before they talk. The cookie
// only keeps users from running a plugin by hand; it protects nothing.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  protocolVersion,
		MagicCookieKey:   "NOMAD_PLUGIN_MAGIC_COOKIE",
		MagicCookieValue: "e4327c2e01eabfd75a8a67adb114fb34a757d57eee7728d857a8cec6e91a7255",
	}
}

// grpcSet is one entry of a plugin set: it registers a service on the plugin's
// side, and yields the bare connection on the host's.
type grpcSet struct {
	plugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

func (g *grpcSet) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	g.register(s)
	return nil
}

func (g *grpcSet) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// Serve speaks the plugin protocol on behalf of p until the host ends it. It is
// called by the Serve of plugins/driver and plugins/device, which register their
// own service. The process exits with code 1 when it was not started by a host.
func Serve(p Plugin, t Type, log hclog.Logger, register func(*grpc.Server)) {
	surviveLostHost()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: Handshake(),
		Plugins: plugin.PluginSet{
			setBase: &grpcSet{register: func(s *grpc.Server) {
				proto.RegisterBasePluginServer(s, &server{impl: p})
			}},
			t.String(): &grpcSet{register: register},
		},
		GRPCServer: plugin.DefaultGRPCServer,
		Logger:     log,
	})
}

// NewPluginLogger logs to standard error in the form hosts understand.
func NewPluginLogger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: os.Stderr, JSONFormat: true})
}

// surviveLostHost keeps a log line to a host that was killed from ending the
// plugin: without a handler the runtime dies of a broken pipe on descriptor 2.
// The signal is caught rather than ignored because tasks would inherit the
// latter.
func surviveLostHost() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

// server is the plugin's side of the base service.
type server struct {
	proto.UnimplementedBasePluginServer
	impl Plugin
}

func (s *server) PluginInfo(ctx context.Context, _ *proto.PluginInfoRequest) (*proto.PluginInfoResponse, error) {
	info, err := s.impl.PluginInfo(ctx)
	if err != nil {
		return nil, err
	}
	return &proto.PluginInfoResponse{
		Type:              proto.PluginType(info.Type),
		Name:              info.Name,
		PluginVersion:     info.PluginVersion,
		PluginApiVersions: info.APIVersions,
	}, nil
}

func (s *server) ConfigSchema(ctx context.Context, _ *proto.ConfigSchemaRequest) (*proto.ConfigSchemaResponse, error) {
	spec, err := s.impl.ConfigSchema(ctx)
	if err != nil {
		return nil, err
	}
	return &proto.ConfigSchemaResponse{Spec: spec}, nil
}

func (s *server) SetConfig(ctx context.Context, r *proto.SetConfigRequest) (*proto.SetConfigResponse, error) {
	c := &Config{
		APIVersion:   r.GetPluginApiVersion(),
		PluginConfig: r.GetMsgpackConfig(),
		Agent:        agentFromProto(r.GetNomadConfig()),
	}
	if err := s.impl.SetConfig(ctx, c); err != nil {
		return nil, err
	}
	return &proto.SetConfigResponse{}, nil
}

// Negotiate picks the highest protocol version that the host and the plugin
// share, in the plugin's spelling.
func Negotiate(info *Info) (string, error) {
	if info.Type != TypeDriver && info.Type != TypeDevice {
		return "", fmt.Errorf("plugin %q has unknown type %d: it must be a driver or a device plugin", info.Name, info.Type)
	}
	if len(info.APIVersions) == 0 {
		return "", fmt.Errorf("plugin %q names no API version: it must support %s", info.Name, APIVersion)
	}
	if _, err := version.NewVersion(info.PluginVersion); err != nil {
		return "", fmt.Errorf("plugin %q has a version that does not parse: %w", info.Name, err)
	}
	ours, err := version.NewVersion(APIVersion)
	if err != nil {
		return "", err
	}
	spelled := append([]string(nil), info.APIVersions...)
	sort.Strings(spelled)
	for _, s := range spelled {
		v, err := version.NewVersion(s)
		if err != nil {
			return "", fmt.Errorf("plugin %q has an API version that does not parse: %w", info.Name, err)
		}
		if v.Equal(ours) {
			return s, nil
		}
	}
	return "", &VersionError{Plugin: info.Name, Offered: spelled}
}

// VersionError says that host and plugin share no API version; the host skips
// such a plugin.
type VersionError struct {
	Plugin  string
	Offered []string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("plugin %q supports API versions %v, this agent supports %s: install a matching build of the plugin",
		e.Plugin, e.Offered, APIVersion)
}
