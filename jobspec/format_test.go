package jobspec_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/jobspec"
)

func TestFormat(t *testing.T) {
	tests := map[string]struct{ source, want string }{
		"layout": {
			"job \"a\" {\ntype=\"batch\" # why\nall_at_once   =  true\n\n\n  group \"g\" {\n count=1\n}\n}",
			"job \"a\" {\n  type        = \"batch\" # why\n  all_at_once = true\n\n\n  group \"g\" {\n    count = 1\n  }\n}",
		},
		"variables": {"a=1\nlong=[1,2]\n", "a    = 1\nlong = [1, 2]\n"},
		"heredoc":   {"job \"a\" {\ntype=<<EOF\n  x\n   y\nEOF\n}\n", "job \"a\" {\n  type = <<EOF\n  x\n   y\nEOF\n}\n"},
		"empty":     {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := jobspec.Format([]byte(tt.source))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("layout (-want +got):\n%s", diff)
			}
			again, err := jobspec.Format(got)
			if err != nil || string(again) != string(got) {
				t.Errorf("formatting again changes the file: %v\n%s", err, again)
			}
		})
	}
}

func TestFormat_Refuses(t *testing.T) {
	tests := map[string]struct {
		source string
		want   string
	}{
		"JSON":   {`{"job": {}}`, "Not in native syntax"},
		"syntax": {"job \"a\" {", "Unclosed configuration block"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := jobspec.Format([]byte(tt.source))
			var problems *jobspec.Diagnostics
			if !errors.As(err, &problems) {
				t.Fatalf("error is %v", err)
			}
			if got := problems.All()[0].Summary; got != tt.want {
				t.Errorf("problem = %q, want %q", got, tt.want)
			}
		})
	}
}
