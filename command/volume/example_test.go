package volume

import (
	"strings"
	"testing"
)

// The examples that init writes are files that create takes.
func TestExamples(t *testing.T) {
	for kind, text := range map[string]string{"host": exampleHost, "csi": exampleCSI} {
		asJSON, err := exampleJSON(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{text, asJSON} {
			w, err := read("-", strings.NewReader(text))
			if err != nil || (w.host != nil) != (kind == "host") || (w.csi != nil) != (kind == "csi") {
				t.Errorf("%s: %+v, %v", text, w, err)
			}
		}
	}
}
