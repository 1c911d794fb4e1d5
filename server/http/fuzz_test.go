package http_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// seeds are bodies that a careless client may send.
var seeds = []string{
	``, `{`, `null`, `[]`, `"x"`, `{}`, `{"Job":null}`, `{"Job":[]}`, `{"Job":{}}`,
	`{"Job":{"ID":"a","TaskGroups":null}}`,
	`{"Job":{"ID":"a","TaskGroups":[null]}}`,
	`{"Job":{"ID":"a","TaskGroups":[{"Name":"g","Tasks":[null]}]}}`,
	`{"Job":{"ID":"a","TaskGroups":[{"Name":"g","Count":-1,"Services":[null],"Networks":[null],"Volumes":{"v":null},"Constraints":[null],"Affinities":[null],"Spreads":[null]}]}}`,
	`{"Job":{"ID":"a","Constraints":[null],"Affinities":[null],"Spreads":[{"SpreadTarget":[null]}],"Multiregion":{"Regions":[null]},"Periodic":{"Specs":[""]},"UI":{"Links":[null]}}}`,
	`{"Job":{"ID":"a","Datacenters":["*"],"TaskGroups":[{"Name":"g","Tasks":[{"Name":"t","Driver":"raw_exec","Config":{"command":"/bin/true"},"Templates":[null],"Artifacts":[null],"Services":[{"Checks":[null]}],"VolumeMounts":[null],"Identities":[null],"Actions":[null],"ScalingPolicies":[null],"Secrets":[null],"Constraints":[null],"Resources":{"Networks":[null],"Devices":[null]}}]}]}}`,
	`{"Job":{"ID":"ok","Type":"batch","Datacenters":["*"],"TaskGroups":[{"Name":"g","Count":99999999999,"Tasks":[{"Name":"t","Driver":"raw_exec","Config":{"command":"/bin/true"},"Resources":{"CPU":-1,"MemoryMB":9223372036854775807}}]}]},"Diff":true}`,
	`{"Job":{"ID":"ok","Type":"batch","Priority":50,"TaskGroups":[{"Name":"g","Tasks":[{"Name":"t","Driver":"raw_exec","Config":{"command":"/bin/true"}}]}]},"Diff":true}`,
	`{"Job":{"ID":"p","Type":"batch","Periodic":{"Enabled":true,"Spec":"* * * * *"},"ParameterizedJob":{"Payload":"x"},"TaskGroups":[{"Name":"g","Tasks":[{"Name":"t","Driver":"raw_exec"}]}]},"Diff":true}`,
	"{\"Job\":{\"ID\":\"\xff\xfe\",\"Name\":\"\\u0000\"}}",
	`{"Jobs":[{"ID":"a"},{}],"EvalIDs":["x",""],"Filter":"ID ==","DeploymentID":"x","Groups":["g"],"HealthyAllocationIDs":["a"]}`,
	`{"Count":-9223372036854775808,"Target":{"Group":"g"},"Message":"m","Meta":{"a":null}}`,
	`{"Payload":"AAAA","Meta":{"a":"b"},"JobID":"a","JobVersion":18446744073709551615,"Version":1,"Latest":true}`,
	`{"Name":"n","Capabilities":{"EnabledTaskDrivers":[""]},"SchedulerConfiguration":{"SchedulerAlgorithm":"x"},"NodeIdentityTTL":"1x"}`,
	`{"Items":{"a":"b"},"Lock":{"TTL":-1,"LockDelay":"9999999h"},"Namespace":"*"}`,
	`{"DrainSpec":{"Deadline":-9223372036854775808},"Eligibility":"eligible","MarkEligible":true}`,
	`{"JobHCL":"job \"a\" { group \"g\" { task \"t\" {} } }","Canonicalize":true}`,
	`{"Prefix":"ab","Text":"ab","Context":"all"}`,
	`{"Volumes":[null],"Snapshots":[null],"TTL":"1h","NodeName":"n","Meta":{"a.b":null}}`,
}

// fuzzPaths are routes of every kind that take a body or parameters.
var fuzzPaths = []string{
	"/v1/jobs", "/v1/jobs/parse", "/v1/jobs/statuses", "/v1/validate/job", "/v1/job/a", "/v1/job/a/plan", "/v1/job/ok/plan", "/v1/job/p/plan", "/v1/job/ok",
	"/v1/job/ok/evaluate", "/v1/job/ok/dispatch", "/v1/job/ok/scale", "/v1/job/ok/revert", "/v1/job/ok/stable", "/v1/job/ok/versions/t/tag", "/v1/job/p/periodic/force",
	"/v1/node/x/drain", "/v1/node/x/eligibility", "/v1/evaluations", "/v1/deployment/pause/x", "/v1/deployment/promote/x", "/v1/deployment/allocation-health/x",
	"/v1/namespace", "/v1/namespace/n", "/v1/node/pools", "/v1/node/pool/n", "/v1/var/a/b", "/v1/var/a/b?lock-acquire", "/v1/var/a/b?cas=1",
	"/v1/search", "/v1/search/fuzzy", "/v1/operator/scheduler/configuration", "/v1/operator/autopilot/configuration", "/v1/operator/keyring/rotate?algo=x",
	"/v1/client/metadata?node_id=x", "/v1/client/allocation/x/signal", "/v1/acl/identity/client-introduction-token", "/v1/volume/csi/x", "/v1/volume/host/create",
	"/v1/allocations", "/v1/nodes", "/v1/vars", "/v1/services", "/v1/service/a", "/v1/agent/keyring/install", "/v1/allocation/x/stop",
}

// FuzzRequests sends anything anywhere: every request is answered with a status
// that is not the server's collapse, in JSON that is JSON.
func FuzzRequests(f *testing.F) {
	for i, path := range fuzzPaths {
		f.Add("PUT", path, seeds[i%len(seeds)])
	}
	for _, body := range seeds {
		f.Add("PUT", "/v1/jobs", body)
		f.Add("PUT", "/v1/job/ok/plan", body)
		f.Add("POST", "/v1/validate/job", body)
	}
	for _, path := range []string{"/v1/allocations?prefix=zz", "/v1/jobs?filter=ID%20==", "/v1/jobs?per_page=-1", "/v1/nodes?next_token=.", "/v1/job/%2F%2F/summary",
		"/v1/jobs?next_token=%00&reverse=true&per_page=1", "/v1/evaluations?filter=any%20RelatedEvals%20as%20x%20{x.ID==y}"} {
		f.Add("GET", path, "")
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		switch method {
		case "GET", "PUT", "POST", "DELETE":
		default:
			t.Skip("every other method is refused before anything is read")
		}
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		u, err := r.URL.Parse(path)
		if err != nil {
			t.Skip("cannot be sent")
		}
		if p := u.Path; !strings.HasPrefix(p, "/v1/") || u.Query().Has("index") || strings.Contains(p, "stream") || strings.Contains(p, "monitor") {
			t.Skip("waits by design, or is not of the API")
		}
		r.Method, r.URL = method, u
		w := httptest.NewRecorder()
		api(t, fuzzed).ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 {
			t.Errorf("status %d", w.Code)
		}
		if w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
	})
}
