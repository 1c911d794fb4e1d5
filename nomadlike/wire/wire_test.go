package wire

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// filler sets every field of a value to something that is not zero, so that a
// field the codec forgets shows up as a difference.
type filler struct{ n int }

const fillDepthMax = 9 // types that contain themselves end here

func (f *filler) fill(v reflect.Value, depth int) {
	f.n++
	switch v.Type() {
	case reflect.TypeFor[nl.Time]():
		v.Set(reflect.ValueOf(nl.Time{Time: time.Unix(0, int64(f.n)*1e9+7).UTC()}))
		return
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(f.n), 5).UTC()))
		return
	case reflect.TypeFor[nl.Flag]():
		v.Set(reflect.ValueOf(nl.FlagOf(f.n%2 == 0)))
		return
	case reflect.TypeFor[nl.TaskStates]():
		var states map[string]*nl.TaskState
		f.fill(reflect.ValueOf(&states).Elem(), depth)
		v.Set(reflect.ValueOf(nl.PackTaskStates(states)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("s" + string(rune('a'+f.n%26)) + string(rune('a'+f.n/26%26)))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n % 100))
		if f.n%100 == 0 {
			v.SetInt(1)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n%100 + 1))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.n) + 0.25)
	case reflect.Interface:
		if v.Type() == reflect.TypeFor[any]() {
			v.Set(reflect.ValueOf(map[string]any{"int": int64(f.n), "list": []any{"x", true, 1.5, map[string]any{}}, "none": nil}))
		}
	case reflect.Pointer:
		if depth < fillDepthMax {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if depth < fillDepthMax {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			f.fill(v.Index(0), depth+1)
			f.fill(v.Index(1), depth+1)
		}
	case reflect.Map:
		if depth < fillDepthMax {
			v.Set(reflect.MakeMap(v.Type()))
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key, depth+1)
			f.fill(value, depth+1)
			v.SetMapIndex(key, value)
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Tag.Get("cbor") != "-" {
				f.fill(v.Field(i), depth+1)
			}
		}
	}
}

// Every op comes back from the log as it went in, with every field set and
// with none.
func TestOpsRoundTrip(t *testing.T) {
	for kind := op.Kind(1); op.New(kind) != nil; kind++ {
		if kind == op.KindBatch {
			continue
		}
		for _, filled := range []bool{true, false} {
			o := op.New(kind)
			if filled {
				(&filler{}).fill(reflect.ValueOf(o).Elem(), 0)
			}
			b, err := EncodeOp(o)
			if err != nil {
				t.Fatalf("kind %d: %v", kind, err)
			}
			back, err := DecodeOp(b)
			if err != nil {
				t.Fatalf("kind %d: %v", kind, err)
			}
			if plans, ok := back.(*op.ApplyPlans); ok && !filled {
				plans.Plans = nil // a list of none
			}
			if diff := cmp.Diff(o, back); diff != "" {
				t.Errorf("kind %d, filled %v, comes back otherwise:\n%s", kind, filled, diff)
			}
		}
	}
}

func TestBatchRoundTrip(t *testing.T) {
	batch := &op.Batch{Ops: []op.Op{
		&op.ReconcileSummaries{},
		&op.Batch{Ops: []op.Op{&op.RecordPeriodicLaunch{Namespace: "default", ID: "cron", Launch: 7}}},
	}}
	b, err := EncodeOp(batch)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeOp(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(op.Op(batch), back); diff != "" {
		t.Error(diff)
	}
}

func TestAllocsRoundTrip(t *testing.T) {
	var first nl.Alloc
	(&filler{}).fill(reflect.ValueOf(&first).Elem(), 0)
	second := first
	second.ID = "another"
	resources := *first.AllocatedResources
	second.AllocatedResources = &resources // equal, but another object
	list := []*nl.Alloc{&first, &second, {ID: "bare"}}
	b, err := EncodeAllocs(list)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeAllocs(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list, back); diff != "" {
		t.Error(diff)
	}
	if back[0].AllocatedResources != back[1].AllocatedResources || back[0].Metrics != back[1].Metrics {
		t.Error("equal resources or metrics are not shared after decoding")
	}
	if _, err := EncodeAllocs([]*nl.Alloc{nil}); err == nil {
		t.Error("a nil allocation is encoded")
	}
}

// Absent and empty lists and maps are different things in the HTTP API.
func TestAbsentAndEmpty(t *testing.T) {
	for _, state := range []*nl.TaskState{{}, {Events: []*nl.TaskEvent{}}, {Events: []*nl.TaskEvent{{Details: map[string]string{}}}}} {
		b, err := Encode(state)
		if err != nil {
			t.Fatal(err)
		}
		back := new(nl.TaskState)
		if err := Decode(b, back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(state, back); diff != "" {
			t.Error(diff)
		}
	}
}

func TestConfigValues(t *testing.T) {
	in := map[string]any{
		"int": 5, "negative": int64(-5), "uint": uint16(7), "float": 2.0, "text": "x", "yes": true, "nothing": nil,
		"list": []any{1, "a", map[string]any{"k": []string{"v"}}},
	}
	want := map[string]any{
		"int": int64(5), "negative": int64(-5), "uint": int64(7), "float": 2.0, "text": "x", "yes": true, "nothing": nil,
		"list": []any{int64(1), "a", map[string]any{"k": []any{"v"}}},
	}
	b, err := Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := Decode(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, back); diff != "" {
		t.Error(diff)
	}
}

func TestTimes(t *testing.T) {
	for _, ns := range []int64{1, 23, 24, 255, 256, 65535, 65536, 1 << 32, 1<<32 - 1, math.MaxInt64, -1, -24, -25, -1 << 40, math.MinInt64} {
		in := nl.Time{Time: time.Unix(0, ns).UTC()}
		b, err := Encode(in)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := Encode(ns)
		if err != nil || string(plain) != string(b) {
			t.Errorf("%d ns is encoded as %x, an integer as %x", ns, b, plain)
		}
		var back nl.Time
		if err := Decode(b, &back); err != nil || !back.Equal(in.Time) {
			t.Errorf("%d ns comes back as %v, %v", ns, back, err)
		}
	}
	b, err := Encode(nl.Time{})
	if err != nil {
		t.Fatal(err)
	}
	back := nl.Time{Time: time.Unix(1, 0)}
	if err := Decode(b, &back); err != nil || !back.IsZero() {
		t.Errorf("the unset time comes back as %v, %v", back, err)
	}
	for _, bad := range [][]byte{{0x61, 'x'}, {0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0}, {0x80}} {
		if err := Decode(bad, &back); err == nil {
			t.Errorf("%x is taken for a time", bad)
		}
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := DecodeOp([]byte{250, 0xa0})
	var unknown *UnknownKindError
	if !errors.As(err, &unknown) || unknown.Kind != 250 {
		t.Errorf("decoding an unknown kind gives %v", err)
	}
	if _, err := DecodeOp(nil); err == nil {
		t.Error("decoding nothing gives no error")
	}
}

func FuzzDecodeOp(f *testing.F) {
	for kind := op.Kind(1); op.New(kind) != nil; kind++ {
		o := op.New(kind)
		if kind != op.KindBatch {
			(&filler{}).fill(reflect.ValueOf(o).Elem(), 4)
		}
		if b, err := EncodeOp(o); err == nil {
			f.Add(b)
		}
		f.Add([]byte{byte(kind)})
		f.Add([]byte{byte(kind), 0xa0})
		f.Add([]byte{byte(kind), 0x81, 0xf6})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := DecodeOp(b)
		if err == nil && o == nil {
			t.Error("neither an op nor an error")
		}
	})
}
