package base

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/nomadlike/nomadlike/plugins/base/proto"
	"github.com/nomadlike/nomadlike/plugins/base/proto/shared"
)

func TestNegotiate(t *testing.T) {
	for name, c := range map[string]struct {
		info    Info
		want    string
		skipped bool
		fails   bool
	}{
		"same":                {info: Info{Type: TypeDriver, PluginVersion: "v1.0.0", APIVersions: []string{"v0.1.0"}}, want: "v0.1.0"},
		"spelled otherwise":   {info: Info{Type: TypeDevice, PluginVersion: "1.0.0", APIVersions: []string{"0.1.0"}}, want: "0.1.0"},
		"among others":        {info: Info{Type: TypeDriver, PluginVersion: "1.0", APIVersions: []string{"v9.0.0", "v0.1.0"}}, want: "v0.1.0"},
		"no common version":   {info: Info{Type: TypeDriver, PluginVersion: "1.0", APIVersions: []string{"v0.2.0"}}, skipped: true},
		"no version":          {info: Info{Type: TypeDriver, PluginVersion: "1.0"}, fails: true},
		"malformed version":   {info: Info{Type: TypeDriver, PluginVersion: "1.0", APIVersions: []string{"one"}}, fails: true},
		"bad plugin version":  {info: Info{Type: TypeDriver, PluginVersion: "new", APIVersions: []string{"v0.1.0"}}, fails: true},
		"unknown plugin type": {info: Info{PluginVersion: "1.0", APIVersions: []string{"v0.1.0"}}, fails: true},
	} {
		got, err := Negotiate(&c.info)
		var skip *VersionError
		if got != c.want || errors.As(err, &skip) != c.skipped || (err != nil) != (c.fails || c.skipped) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestErrorsOverTheWire(t *testing.T) {
	ctx := context.Background()
	known := errors.New("known text")
	for name, c := range map[string]struct {
		sent        error
		code        codes.Code
		text        string
		recoverable bool
		is          error
	}{
		"plain":           {sent: errors.New("boom"), code: codes.Unknown, text: "boom"},
		"known":           {sent: known, code: codes.Unknown, text: "known text", is: known},
		"recoverable":     {sent: NewRecoverableError(errors.New("again"), true), code: codes.FailedPrecondition, text: "again", recoverable: true},
		"not recoverable": {sent: NewRecoverableError(errors.New("never"), false), code: codes.FailedPrecondition, text: "never"},
		"wrapped":         {sent: fmt.Errorf("start: %w", NewRecoverableError(errors.New("again"), true)), code: codes.FailedPrecondition, text: "start: again", recoverable: true},
	} {
		st := status.Convert(ErrorToStatus(c.sent))
		if st.Code() != c.code || st.Message() != c.text {
			t.Errorf("%s: sent as %s %q", name, st.Code(), st.Message())
		}
		got := ErrorFromStatus(ctx, st.Err(), known)
		if got.Error() != c.text || IsRecoverable(got) != c.recoverable || (c.is != nil && !errors.Is(got, c.is)) {
			t.Errorf("%s: arrived as %#v", name, got)
		}
	}
	if got := ErrorFromStatus(ctx, status.Error(codes.Unavailable, "gone")); !errors.Is(got, ErrPluginShutdown) {
		t.Errorf("lost connection arrives as %v", got)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if got := ErrorFromStatus(ended, status.Error(codes.Canceled, "x")); !errors.Is(got, context.Canceled) {
		t.Errorf("ended call arrives as %v", got)
	}
	if NewRecoverableError(nil, true) != nil || ErrorToStatus(nil) != nil || ErrorFromStatus(ctx, nil) != nil {
		t.Error("no error became one")
	}
}

// TestWireBytes pins messages that plugins built elsewhere exchange.
func TestWireBytes(t *testing.T) {
	for want, m := range map[string]protobuf.Message{
		"0802120676302e312e301a0676322e302e3022056578656332": &proto.PluginInfoResponse{
			Type: proto.PluginType(TypeDriver), PluginApiVersions: []string{"v0.1.0"}, PluginVersion: "v2.0.0", Name: "exec2"},
		"0801": &shared.RecoverableError{Recoverable: true},
		"":     &shared.RecoverableError{},
	} {
		raw, err := protobuf.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(raw); got != want {
			t.Errorf("bytes are %s, want %s", got, want)
		}
	}
	if name := (&shared.RecoverableError{}).ProtoReflect().Descriptor().FullName(); name != "hashicorp.nomad.plugins.shared.structs.RecoverableError" {
		t.Errorf("error detail is called %s", name)
	}
}

func TestTopology(t *testing.T) {
	full := &Topology{
		NodeIDs: []uint32{0, 1}, Distances: [][]uint32{{10, 20}, {20, 10}}, WithheldMHz: 100,
		Cores: []Core{{ID: 0, BaseMHz: 2000}, {ID: 1, NodeID: 1, MaxMHz: 3000, Efficiency: true}, {ID: 2, GuessMHz: 1000, Disabled: true}},
	}
	if diff := cmp.Diff(full, topologyFromProto(topologyToProto(full))); diff != "" {
		t.Errorf("topology differs after the wire (-want +got):\n%s", diff)
	}
	if full.TotalMHz() != 6000 || full.UsableMHz() != 4900 {
		t.Errorf("total %d, usable %d", full.TotalMHz(), full.UsableMHz())
	}
	// Other kits divide by these.
	least := (*Topology)(nil).Complete()
	if len(least.Cores) == 0 || least.TotalMHz() == 0 || least.Cores[0].MHz() == 0 {
		t.Errorf("completed topology is %+v", least)
	}
	// A reader of another kit indexes the matrix by its dimension.
	ragged := topologyToProto(&Topology{Distances: [][]uint32{{1}, {2, 3}}})
	if ragged.GetDistances().GetDimension() != 0 {
		t.Error("a matrix that is not square was sent")
	}
	if got := topologyFromProto(&proto.ClientTopology{Distances: &proto.ClientTopologySLIT{Dimension: 3, Values: []uint32{1}}}); got.Distances != nil {
		t.Error("a matrix with missing values was read")
	}
}

func TestAttributes(t *testing.T) {
	in := map[string]*Attribute{"s": String("x"), "b": Bool(true), "i": Int(5, "MiB"), "f": Float(1.5, "GHz")}
	if diff := cmp.Diff(in, AttributesFromProto(AttributesToProto(in))); diff != "" {
		t.Error(diff)
	}
	for want, a := range map[string]*Attribute{"x": String("x"), "true": Bool(true), "5MiB": Int(5, "MiB"), "1.5GHz": Float(1.5, "GHz"), "": nil} {
		if a.String() != want {
			t.Errorf("%v reads %q", a, a.String())
		}
	}
}
