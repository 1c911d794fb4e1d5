package payload

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/golang/snappy"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestDo(t *testing.T) {
	tests := []struct {
		name, file string
		payload    []byte
		want       string // "": no file
		fails      bool
	}{
		{"plain", "in.txt", []byte("hello there"), "hello there", false},
		{"compressed", "in.txt", snappy.Encode(nil, []byte("hello")), "hello", false},
		{"below", "a/b/in.txt", []byte("hello there"), "hello there", false},
		{"nothing asked", "", []byte("hello there"), "", false},
		{"nothing sent", "in.txt", nil, "", false},
		{"escapes", "../../in.txt", []byte("hello there"), "", true},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		task := &nl.Task{DispatchPayload: &nl.DispatchPayload{File: tt.file}}
		err := Do(&nl.Job{Payload: tt.payload}, task, dir)
		if (err != nil) != tt.fails {
			t.Errorf("%s: error is %v", tt.name, err)
		}
		if tt.want == "" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, tt.file))
		if err != nil || string(raw) != tt.want {
			t.Errorf("%s: file holds %q, %v", tt.name, raw, err)
		}
	}
}
