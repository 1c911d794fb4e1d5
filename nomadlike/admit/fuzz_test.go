package admit

import (
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike/diff"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// FuzzAdmit lets any JSON in: whatever can be read must be admitted or refused,
// and admitting it twice must change nothing more.
func FuzzAdmit(f *testing.F) {
	f.Add([]byte(baseJob))
	f.Add([]byte(`{"ID":"j","TaskGroups":[{"Name":"g","Networks":[{}],"Volumes":{"v":{"Type":"csi"}},"Services":[
		{"Checks":[{"Expose":true}],"Connect":{"SidecarService":{"Proxy":{"TransparentProxy":{},"Upstreams":[{}],"Expose":{"Path":[{}]}}},"SidecarTask":{}}},
		{"Name":"n","Connect":{"Native":true}},
		{"Name":"i","Connect":{"Gateway":{"Proxy":{"EnvoyGatewayBindAddresses":{"a":{}}},"Ingress":{"Listeners":[{"Services":[{}]}]}}}},
		{"Name":"t","Connect":{"Gateway":{"Terminating":{"Services":[{}]}}}},
		{"Name":"m","Connect":{"Gateway":{"Mesh":{}}}}],
		"Tasks":[{"Name":"t","Services":[{"Checks":[{"Type":"http"}]}],"Templates":[{"Wait":{}}],"Vault":{},"Consul":{},
		"Identities":[{}],"Secrets":[{}],"Actions":[{}],"Artifacts":[{}],"CSIPluginConfig":{},"Schedule":{},"Resources":{"NUMA":{},"Devices":[{}],"Networks":[{"ReservedPorts":[{}]}]},
		"ScalingPolicies":[{}],"VolumeMounts":[{}],"DispatchPayload":{},"Lifecycle":{}}]}],
		"Periodic":{"Spec":"* * * * *"},"ParameterizedJob":{},"Multiregion":{},"UI":{},"Constraints":[{}],"Affinities":[{}],"Spreads":[{}]}`))
	f.Add([]byte(`{"TaskGroups":[{"Tasks":[{}]}]}`))
	f.Add([]byte(`{"Type":"batch","Update":{"MaxParallel":0},"TaskGroups":[{"Update":{},"Disconnect":{},"Scaling":{}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := spec.FromJSON(raw)
		if err != nil {
			return
		}
		job, err := spec.Register(doc)
		if err != nil {
			t.Fatalf("a job that can be read cannot be decoded: %v", err)
		}
		Mutate(job, corpusServer())
		once := job.Copy()
		Mutate(job, corpusServer())
		if SpecChanged(once, job) {
			t.Errorf("mutating twice changes the job")
		}
		if d := diff.Job(once, job, true); d.Type != diff.None {
			t.Errorf("mutating twice differs: %+v", d)
		}
		_, _ = Validate(job, corpusServer())
		_ = diff.Job(nil, job, true)
	})
}
