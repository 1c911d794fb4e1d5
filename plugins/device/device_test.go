package device_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/device"
)

// serveArg makes the test binary a plugin.
const serveArg = "serve-test-device"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serveArg {
		device.Serve(func(hclog.Logger) (device.Device, error) { return &fake{}, nil })
		return
	}
	goleak.VerifyTestMain(m)
}

// fake offers one device, unless its config turns it off.
type fake struct{ disabled bool }

func (f *fake) PluginInfo(context.Context) (*base.Info, error) {
	return &base.Info{Type: base.TypeDevice, Name: "fake", PluginVersion: "v1.2.3", APIVersions: []string{"0.1.0"}}, nil
}

func (f *fake) ConfigSchema(context.Context) (*hclspec.Spec, error) {
	return hclspec.Object(map[string]*hclspec.Spec{"disabled": hclspec.Attr("disabled", "bool", false)}), nil
}

func (f *fake) SetConfig(_ context.Context, c *base.Config) error {
	var cfg struct {
		Disabled bool `codec:"disabled"`
	}
	err := hclspec.Unmarshal(c.PluginConfig, &cfg)
	f.disabled = cfg.Disabled
	return err
}

func groups() []*device.Group {
	return []*device.Group{{
		Vendor: "acme", Type: "gpu", Name: "x1",
		Devices:    []*device.Detected{{ID: "d0", Healthy: true, PCIBusID: "0000:01"}, {ID: "d1", HealthDescription: "hot"}},
		Attributes: map[string]*base.Attribute{"memory": base.Int(8, "GiB"), "fast": base.Bool(true), "clock": base.Float(1.5, "GHz"), "arch": base.String("a")},
	}}
}

func stats() []*device.GroupStats {
	half, used, total, text := 0.5, int64(3), int64(8), "idle"
	return []*device.GroupStats{{Vendor: "acme", Type: "gpu", Name: "x1", Instances: map[string]*device.Stats{"d0": {
		Summary:   &device.StatValue{IntNumerator: &used, IntDenominator: &total, Unit: "GiB", Desc: "memory"},
		Timestamp: time.Unix(1700000000, 5).UTC(),
		Stats: &device.StatObject{
			Attributes: map[string]*device.StatValue{"load": {FloatNumerator: &half}, "state": {String: &text}},
			Nested:     map[string]*device.StatObject{"fan": {Attributes: map[string]*device.StatValue{}, Nested: map[string]*device.StatObject{}}},
		},
	}}}}
}

func (f *fake) Fingerprint(ctx context.Context, emit func([]*device.Group) error) error {
	if f.disabled {
		return device.ErrDisabled
	}
	if err := emit(groups()); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) Reserve(_ context.Context, ids []string) (*device.Reservation, error) {
	if len(ids) != 1 || ids[0] != "d0" {
		return nil, errors.New("no such device")
	}
	return &device.Reservation{
		Env:     map[string]string{"ACME_VISIBLE": "d0"},
		Mounts:  []*device.Mount{{TaskPath: "/lib/acme", HostPath: "/opt/acme", ReadOnly: true}},
		Devices: []*device.Spec{{TaskPath: "/dev/acme", HostPath: "/dev/acme0", Permissions: "rw"}},
	}, nil
}

func (f *fake) Stats(_ context.Context, interval time.Duration, emit func([]*device.GroupStats) error) error {
	if interval != time.Second {
		return errors.New("an interval of zero must arrive as the default")
	}
	return emit(stats())
}

func launch(t *testing.T, config map[string]any) *device.Instance {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const callMax = 30 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	t.Cleanup(cancel)
	c := base.LaunchConfig{Type: base.TypeDevice, Command: self, Args: []string{serveArg}}
	probed, err := base.Probe(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if probed.APIVersion != "0.1.0" {
		t.Errorf("negotiated version is %q, not the plugin's spelling", probed.APIVersion)
	}
	v, err := hclspec.Decode(probed.Schema, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hclspec.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := base.Validate(ctx, c, probed, raw); err != nil {
		t.Fatal(err)
	}
	d, err := device.Launch(ctx, c, &base.Config{APIVersion: probed.APIVersion, PluginConfig: raw})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Kill)
	return d
}

func TestDevicePlugin(t *testing.T) {
	d := launch(t, nil)
	ctx := t.Context()
	stop := errors.New("seen")
	err := d.Fingerprint(ctx, func(g []*device.Group) error {
		if diff := cmp.Diff(groups(), g); diff != "" {
			t.Errorf("groups differ (-sent +got):\n%s", diff)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("fingerprint ended with %v", err)
	}
	r, err := d.Reserve(ctx, []string{"d0"})
	if err != nil || r.Env["ACME_VISIBLE"] != "d0" || !r.Mounts[0].ReadOnly || r.Devices[0].Permissions != "rw" {
		t.Errorf("reservation %+v, %v", r, err)
	}
	if _, err := d.Reserve(ctx, []string{"d9"}); err == nil || err.Error() != "no such device" {
		t.Errorf("reservation of an unknown device: %v", err)
	}
	n := 0
	err = d.Stats(ctx, 0, func(s []*device.GroupStats) error {
		n++
		if diff := cmp.Diff(stats(), s); diff != "" {
			t.Errorf("statistics differ (-sent +got):\n%s", diff)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d samples, then %v", n, err)
	}
}

func TestDisabledPlugin(t *testing.T) {
	d := launch(t, map[string]any{"disabled": true})
	err := d.Fingerprint(t.Context(), func([]*device.Group) error { return nil })
	if !errors.Is(err, device.ErrDisabled) {
		t.Errorf("fingerprint of a disabled plugin ended with %v", err)
	}
}

func TestInvalidGroups(t *testing.T) {
	for _, g := range []*device.Group{{Vendor: "a", Type: "b"}, {Vendor: "a", Type: "b", Name: "c", Devices: []*device.Detected{{}}}} {
		if g.Validate() == nil {
			t.Errorf("%+v passes", g)
		}
	}
}
