package jobspec

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// seamsOf is where a text is taken apart, by either way of looking for it.
func seamsOf(t *testing.T, text []byte) seams {
	t.Helper()
	exact, d := checkText(text, "x", hcl.InitialPos, hclsyntax.LexConfig)
	if d != nil {
		t.Fatal(d)
	}
	if quick, plain := scanPlain(text); plain {
		if diff := cmp.Diff(exact, quick, cmp.AllowUnexported(seams{})); diff != "" {
			t.Fatalf("the plain scan differs from the exact one:\n%s", diff)
		}
	}
	return exact
}

// TestPieces reads files as a whole and in pieces: the trees must be equal, with
// all their positions.
func TestPieces(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/valid/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	read := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		open := strings.Index(string(body), "\n  group ")
		if open < 0 {
			continue
		}
		group := string(body[open:strings.LastIndex(string(body), "}")])
		text := []byte(string(body[:open]) + strings.Repeat(group, 3*pieceBytesMin/len(group)+1) + "}\n\nlocals {\n  behind = \"ä\"\n}\n")
		whole, diags := hclsyntax.ParseConfig(text, "x", hcl.InitialPos)
		if diags.HasErrors() {
			continue // attributes of the job that stand behind a group
		}
		pieces := readPieces(text, "x", seamsOf(t, text))
		if pieces == nil {
			t.Errorf("%s is not read in pieces", file)
			continue
		}
		read++
		compareBodies(t, file, whole.Body.(*hclsyntax.Body), pieces)
	}
	if read < 10 {
		t.Errorf("only %d files were read in pieces", read)
	}
}

// compareBodies compares the bodies that are put together from pieces; what is
// in them was read by the same code.
func compareBodies(t *testing.T, file string, whole, pieces *hclsyntax.Body) {
	t.Helper()
	if whole.SrcRange != pieces.SrcRange || whole.EndRange != pieces.EndRange {
		t.Errorf("%s: body at %v to %v, want %v to %v", file, pieces.SrcRange, pieces.EndRange, whole.SrcRange, whole.EndRange)
	}
	if !reflect.DeepEqual(whole.Attributes, pieces.Attributes) {
		t.Errorf("%s: other attributes", file)
	}
	if len(whole.Blocks) != len(pieces.Blocks) {
		t.Fatalf("%s: %d blocks, want %d", file, len(pieces.Blocks), len(whole.Blocks))
	}
	for i, want := range whole.Blocks {
		got := pieces.Blocks[i]
		if want.Type == "job" {
			compareBodies(t, file, want.Body, got.Body)
			want.Body, got.Body = nil, nil
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s: other block %s at %v", file, want.Type, want.DefRange())
		}
	}
}

// TestPieces_Refuses finds what must be read as a whole.
func TestPieces_Refuses(t *testing.T) {
	var members strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&members, "  a%d = 1\n", i)
	}
	for name, text := range map[string]string{
		"value":           "x = {\n" + members.String() + "}\n",
		"same line":       "job \"a\" { b = 1\n" + members.String() + "}\n",
		"behind":          "job \"a\" {\n" + members.String() + "} locals {}\n",
		"twice":           "job \"a\" {\n" + members.String() + members.String() + "}\n",
		"fault":           "job \"a\" {\n" + members.String() + "  b = \n" + members.String() + "}\n",
		"last on a line":  "job \"a\" {\n" + members.String() + "  b {} }\n",
		"not closed":      "job \"a\" {\n" + members.String(),
		"small":           "job \"a\" {\n}\n",
		"closed too much": "job \"a\" {\n" + members.String() + "}\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if readPieces([]byte(text), "x", seamsOf(t, []byte(text))) != nil {
				t.Error("read in pieces")
			}
		})
	}
}
