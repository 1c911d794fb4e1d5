package base

import (
	"context"

	"google.golang.org/grpc"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/base/proto"
)

// Client is the host's side of the base service over a plugin's connection.
type Client struct {
	rpc proto.BasePluginClient
	err func(context.Context, error) error
}

// NewClient speaks over conn; mapErr words transport errors, see Process.Err.
func NewClient(conn grpc.ClientConnInterface, mapErr func(context.Context, error) error) *Client {
	return &Client{rpc: proto.NewBasePluginClient(conn), err: mapErr}
}

// PluginInfo implements Plugin.
func (c *Client) PluginInfo(ctx context.Context) (*Info, error) {
	r, err := c.rpc.PluginInfo(ctx, &proto.PluginInfoRequest{})
	if err != nil {
		return nil, c.err(ctx, err)
	}
	return &Info{
		Type:          Type(r.GetType()),
		Name:          r.GetName(),
		PluginVersion: r.GetPluginVersion(),
		APIVersions:   r.GetPluginApiVersions(),
	}, nil
}

// ConfigSchema implements Plugin.
func (c *Client) ConfigSchema(ctx context.Context) (*hclspec.Spec, error) {
	r, err := c.rpc.ConfigSchema(ctx, &proto.ConfigSchemaRequest{})
	if err != nil {
		return nil, c.err(ctx, err)
	}
	return r.GetSpec(), nil
}

// SetConfig implements Plugin.
func (c *Client) SetConfig(ctx context.Context, cfg *Config) error {
	_, err := c.rpc.SetConfig(ctx, &proto.SetConfigRequest{
		MsgpackConfig:    cfg.PluginConfig,
		NomadConfig:      agentToProto(cfg.Agent),
		PluginApiVersion: cfg.APIVersion,
	})
	return c.err(ctx, err)
}

func agentToProto(a *AgentConfig) *proto.NomadConfig {
	if a == nil {
		return nil
	}
	return &proto.NomadConfig{Driver: &proto.NomadDriverConfig{
		ClientMinPort: a.ClientMinPort,
		ClientMaxPort: a.ClientMaxPort,
		Topology:      topologyToProto(a.Topology.Complete()),
	}}
}

func topologyToProto(t *Topology) *proto.ClientTopology {
	out := &proto.ClientTopology{
		NodeIds:                t.NodeIDs,
		Distances:              &proto.ClientTopologySLIT{},
		OverrideTotalCompute:   t.OverrideTotalMHz,
		OverrideWitholdCompute: t.WithheldMHz,
	}
	if square(t.Distances) {
		out.Distances.Dimension = uint32(len(t.Distances))
		for _, row := range t.Distances {
			out.Distances.Values = append(out.Distances.Values, row...)
		}
	}
	for _, c := range t.Cores {
		grade := proto.CoreGrade_Performance
		if c.Efficiency {
			grade = proto.CoreGrade_Efficiency
		}
		out.Cores = append(out.Cores, &proto.ClientTopologyCore{
			SocketId: c.SocketID, NodeId: c.NodeID, CoreId: c.ID, CoreGrade: grade,
			Disable: c.Disabled, BaseSpeed: c.BaseMHz, MaxSpeed: c.MaxMHz, GuessSpeed: c.GuessMHz,
		})
	}
	return out
}

// square guards the readers of other kits, which index a short matrix out of
// bounds.
func square(m [][]uint32) bool {
	for _, row := range m {
		if len(row) != len(m) {
			return false
		}
	}
	return true
}

func agentFromProto(n *proto.NomadConfig) *AgentConfig {
	d := n.GetDriver()
	if d == nil {
		return nil
	}
	return &AgentConfig{
		ClientMinPort: d.GetClientMinPort(),
		ClientMaxPort: d.GetClientMaxPort(),
		Topology:      topologyFromProto(d.GetTopology()),
	}
}

func topologyFromProto(p *proto.ClientTopology) *Topology {
	if p == nil {
		return nil
	}
	t := &Topology{
		NodeIDs:          p.GetNodeIds(),
		OverrideTotalMHz: p.GetOverrideTotalCompute(),
		WithheldMHz:      p.GetOverrideWitholdCompute(),
	}
	n, values := int(p.GetDistances().GetDimension()), p.GetDistances().GetValues()
	if n > 0 && len(values)/n == n && len(values)%n == 0 {
		for i := range n {
			t.Distances = append(t.Distances, values[i*n:(i+1)*n])
		}
	}
	for _, c := range p.GetCores() {
		t.Cores = append(t.Cores, Core{
			SocketID: c.GetSocketId(), NodeID: c.GetNodeId(), ID: c.GetCoreId(),
			Efficiency: c.GetCoreGrade() == proto.CoreGrade_Efficiency, Disabled: c.GetDisable(),
			BaseMHz: c.GetBaseSpeed(), MaxMHz: c.GetMaxSpeed(), GuessMHz: c.GetGuessSpeed(),
		})
	}
	return t
}
