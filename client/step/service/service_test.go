package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestRegistrations(t *testing.T) {
	alloc := &nl.Alloc{
		ID: "A", Namespace: "ns", JobID: "j", NetworkStatus: &nl.AllocNetworkStatus{Address: "172.26.0.2"},
		AllocatedResources: &nl.AllocatedResources{Shared: nl.AllocatedSharedResources{
			Ports: []*nl.AllocatedPortMapping{{Label: "http", Value: 25000, To: 8080, HostIP: "10.0.0.1"}},
		}},
	}
	node := &nl.Node{ID: "N", Datacenter: "dc1", Attributes: map[string]string{"unique.network.ip-address": "10.0.0.9"}}
	driverNet := &Network{IP: "172.17.0.2", PortMap: map[string]int{"http": 80}, AutoAdvertise: true}
	tests := []struct {
		name string
		s    nl.Service
		net  *Network
		want string // "ID address:port", or "error: ..."
	}{
		{"label", nl.Service{PortLabel: "http"}, nil, "_nomad-task-A-t-s-http 10.0.0.1:25000"},
		{"number", nl.Service{PortLabel: "99"}, nil, "_nomad-task-A-t-s-99 10.0.0.9:99"},
		{"no port", nl.Service{}, nil, "_nomad-task-A-t-s- 10.0.0.9:0"},
		{"literal", nl.Service{PortLabel: "http", Address: "example.com"}, nil, "_nomad-task-A-t-s-http example.com:25000"},
		{"auto with driver", nl.Service{PortLabel: "http", AddressMode: "auto"}, driverNet, "_nomad-task-A-t-s-http 172.17.0.2:80"},
		{"host with driver", nl.Service{PortLabel: "http", AddressMode: "host"}, driverNet, "_nomad-task-A-t-s-http 10.0.0.1:25000"},
		{"alloc", nl.Service{PortLabel: "http", AddressMode: "alloc"}, nil, "_nomad-task-A-t-s-http 172.26.0.2:8080"},
		{"unknown label", nl.Service{PortLabel: "x"}, nil, `error: service "s": port "x" not found`},
		{"driver without one", nl.Service{PortLabel: "http", AddressMode: "driver"}, nil, "error: service \"s\": cannot use address_mode"},
	}
	for _, tt := range tests {
		tt.s.Name, tt.s.Provider = "${n}", ProviderNomad
		o := &Owner{
			Alloc: alloc, Node: node, Group: &nl.Group{Name: "g"}, Network: tt.net,
			Task:    &nl.Task{Name: "t", Services: []*nl.Service{&tt.s, {Name: "other", Provider: "consul"}}},
			Replace: func(s string) string { return strings.ReplaceAll(s, "${n}", "s") },
		}
		got := ""
		list, err := o.Registrations()
		if err != nil {
			got = "error: " + err.Error()
		} else if len(list) == 1 {
			got = fmt.Sprintf("%s %s:%d", list[0].ID, list[0].Address, list[0].Port)
		}
		if got != tt.want && !(strings.HasPrefix(tt.want, "error") && strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestRegistrar makes sure that the newest word on a service wins, also after
// a failure.
func TestRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []string
		fails := 1
		r := NewRegistrar(func(_ context.Context, up []*nl.ServiceRegistration, down []string) error {
			call := "up"
			for _, s := range up {
				call += " " + s.ID
			}
			calls = append(calls, call+" down "+strings.Join(down, " "))
			if fails > 0 {
				fails--
				return errors.New("no leader")
			}
			return nil
		}, hclog.NewNullLogger())
		r.Register([]*nl.ServiceRegistration{{ID: "a"}, {ID: "b"}})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(ctx)
		}()
		synctest.Wait()
		r.Deregister([]string{"a"})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got, want := strings.Join(calls, "; "), "up a b down ; up b down a"; got != want {
			t.Errorf("calls are %q, want %q", got, want)
		}
		cancel()
		<-done
	})
}
