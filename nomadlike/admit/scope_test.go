package admit

import "testing"

// What a namespace permits of node pools and clusters.
func TestPermitted(t *testing.T) {
	for _, test := range []struct {
		name, preset    string
		allowed, denied []string
		want            bool
	}{
		{"any", "", nil, nil, true},
		{"default", "", []string{}, nil, true}, // the default of those that set none
		{"any", "", []string{}, nil, false},
		{"web", "web", []string{}, nil, true},
		{"default", "web", []string{}, nil, false},
		{"gpu-1", "web", []string{"gpu-*", "big"}, nil, true},
		{"big", "web", []string{"gpu-*", "big"}, nil, true},
		{"bigger", "web", []string{"gpu-*", "big"}, nil, false},
		{"test-1", "", nil, []string{"test-*"}, false},
		{"prod", "", nil, []string{"test-*"}, true},
		{"web", "web", nil, []string{"*"}, true},
		{"default", "web", nil, []string{"*"}, false},
	} {
		if got := permitted(test.name, test.preset, test.allowed, test.denied); got != test.want {
			t.Errorf("%q with default %q, allowed %q, denied %q: %v", test.name, test.preset, test.allowed, test.denied, got)
		}
	}
}
