package device

import (
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/proto/shared"
	"github.com/nomadlike/nomadlike/plugins/device/proto"
)

func groupsToProto(in []*Group) []*proto.DeviceGroup {
	var out []*proto.DeviceGroup
	for _, g := range in {
		p := &proto.DeviceGroup{
			Vendor: g.Vendor, DeviceType: g.Type, DeviceName: g.Name, Attributes: base.AttributesToProto(g.Attributes),
		}
		for _, d := range g.Devices {
			dp := &proto.DetectedDevice{ID: d.ID, Healthy: d.Healthy, HealthDescription: d.HealthDescription}
			if d.PCIBusID != "" {
				dp.HwLocality = &proto.DeviceLocality{PciBusId: d.PCIBusID}
			}
			p.Devices = append(p.Devices, dp)
		}
		out = append(out, p)
	}
	return out
}

func groupsFromProto(in []*proto.DeviceGroup) []*Group {
	var out []*Group
	for _, p := range in {
		g := &Group{
			Vendor: p.GetVendor(), Type: p.GetDeviceType(), Name: p.GetDeviceName(),
			Attributes: base.AttributesFromProto(p.GetAttributes()),
		}
		for _, d := range p.GetDevices() {
			g.Devices = append(g.Devices, &Detected{
				ID: d.GetID(), Healthy: d.GetHealthy(), HealthDescription: d.GetHealthDescription(),
				PCIBusID: d.GetHwLocality().GetPciBusId(),
			})
		}
		out = append(out, g)
	}
	return out
}

func reservationToProto(r *Reservation) *proto.ContainerReservation {
	if r == nil {
		return nil
	}
	out := &proto.ContainerReservation{Envs: r.Env}
	for _, m := range r.Mounts {
		out.Mounts = append(out.Mounts, &proto.Mount{TaskPath: m.TaskPath, HostPath: m.HostPath, ReadOnly: m.ReadOnly})
	}
	for _, d := range r.Devices {
		out.Devices = append(out.Devices, &proto.DeviceSpec{TaskPath: d.TaskPath, HostPath: d.HostPath, Permissions: d.Permissions})
	}
	return out
}

func reservationFromProto(p *proto.ContainerReservation) *Reservation {
	out := &Reservation{Env: p.GetEnvs()}
	for _, m := range p.GetMounts() {
		out.Mounts = append(out.Mounts, &Mount{TaskPath: m.GetTaskPath(), HostPath: m.GetHostPath(), ReadOnly: m.GetReadOnly()})
	}
	for _, d := range p.GetDevices() {
		out.Devices = append(out.Devices, &Spec{TaskPath: d.GetTaskPath(), HostPath: d.GetHostPath(), Permissions: d.GetPermissions()})
	}
	return out
}

func statsToProto(in []*GroupStats) []*proto.DeviceGroupStats {
	var out []*proto.DeviceGroupStats
	for _, g := range in {
		p := &proto.DeviceGroupStats{Vendor: g.Vendor, Type: g.Type, Name: g.Name, InstanceStats: map[string]*proto.DeviceStats{}}
		for id, s := range g.Instances {
			p.InstanceStats[id] = &proto.DeviceStats{
				Summary: valueToProto(s.Summary), Stats: objectToProto(s.Stats), Timestamp: timestamppb.New(s.Timestamp),
			}
		}
		out = append(out, p)
	}
	return out
}

// statsFromProto drops samples without a time.
func statsFromProto(in []*proto.DeviceGroupStats) []*GroupStats {
	var out []*GroupStats
	for _, p := range in {
		g := &GroupStats{Vendor: p.GetVendor(), Type: p.GetType(), Name: p.GetName(), Instances: map[string]*Stats{}}
		for id, s := range p.GetInstanceStats() {
			if s.GetTimestamp() == nil {
				continue
			}
			g.Instances[id] = &Stats{
				Summary: valueFromProto(s.GetSummary()), Stats: objectFromProto(s.GetStats()), Timestamp: s.GetTimestamp().AsTime(),
			}
		}
		out = append(out, g)
	}
	return out
}

func objectToProto(o *StatObject) *shared.StatObject {
	if o == nil {
		return nil
	}
	out := &shared.StatObject{Nested: map[string]*shared.StatObject{}, Attributes: map[string]*shared.StatValue{}}
	for k, v := range o.Nested {
		out.Nested[k] = objectToProto(v)
	}
	for k, v := range o.Attributes {
		out.Attributes[k] = valueToProto(v)
	}
	return out
}

func objectFromProto(p *shared.StatObject) *StatObject {
	if p == nil {
		return nil
	}
	out := &StatObject{Nested: map[string]*StatObject{}, Attributes: map[string]*StatValue{}}
	for k, v := range p.GetNested() {
		out.Nested[k] = objectFromProto(v)
	}
	for k, v := range p.GetAttributes() {
		out.Attributes[k] = valueFromProto(v)
	}
	return out
}

func valueToProto(v *StatValue) *shared.StatValue {
	if v == nil {
		return nil
	}
	out := &shared.StatValue{Unit: v.Unit, Desc: v.Desc}
	if v.FloatNumerator != nil {
		out.FloatNumeratorVal = wrapperspb.Double(*v.FloatNumerator)
	}
	if v.FloatDenominator != nil {
		out.FloatDenominatorVal = wrapperspb.Double(*v.FloatDenominator)
	}
	if v.IntNumerator != nil {
		out.IntNumeratorVal = wrapperspb.Int64(*v.IntNumerator)
	}
	if v.IntDenominator != nil {
		out.IntDenominatorVal = wrapperspb.Int64(*v.IntDenominator)
	}
	if v.String != nil {
		out.StringVal = wrapperspb.String(*v.String)
	}
	if v.Bool != nil {
		out.BoolVal = wrapperspb.Bool(*v.Bool)
	}
	return out
}

func valueFromProto(p *shared.StatValue) *StatValue {
	if p == nil {
		return nil
	}
	out := &StatValue{Unit: p.GetUnit(), Desc: p.GetDesc()}
	if w := p.GetFloatNumeratorVal(); w != nil {
		out.FloatNumerator = &w.Value
	}
	if w := p.GetFloatDenominatorVal(); w != nil {
		out.FloatDenominator = &w.Value
	}
	if w := p.GetIntNumeratorVal(); w != nil {
		out.IntNumerator = &w.Value
	}
	if w := p.GetIntDenominatorVal(); w != nil {
		out.IntDenominator = &w.Value
	}
	if w := p.GetStringVal(); w != nil {
		out.String = &w.Value
	}
	if w := p.GetBoolVal(); w != nil {
		out.Bool = &w.Value
	}
	return out
}
