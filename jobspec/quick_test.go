package jobspec

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/tools/txtar"
)

// quickTexts are the job files of all tests.
func quickTexts(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range [...]string{"testdata/corpus/*/*.hcl", "testdata/parsed/*.hcl", "../examples/*.hcl", "testdata/cases/*.txtar", "testdata/places/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(file) != ".txtar" {
				out[file] = text
				continue
			}
			for _, f := range txtar.Parse(text).Files {
				if filepath.Ext(f.Name) == ".hcl" {
					out[file+"/"+f.Name] = f.Data
				}
			}
		}
	}
	return out
}

// sameTree compares a text that is read quickly, if it is, with what hclsyntax
// makes of it. It tells whether it was.
func sameTree(t *testing.T, name string, text []byte) bool {
	t.Helper()
	if _, d := checkText(text, "x", hcl.InitialPos, hclsyntax.LexConfig); d != nil {
		return false // never read
	}
	at := hcl.Pos{Line: 7, Column: 1, Byte: 500}
	quick := readQuick(text, "x", at)
	if quick == nil {
		return false
	}
	file, diags := hclsyntax.ParseConfig(text, "x", at)
	if len(diags) > 0 {
		t.Errorf("%s: a fault was not seen: %v\n%s", name, diags, text)
		return true
	}
	whole := file.Body.(*hclsyntax.Body)
	if !reflect.DeepEqual(whole.Attributes, quick.Attributes) || !reflect.DeepEqual(whole.Blocks, quick.Blocks) {
		t.Errorf("%s: another tree (-want +got):\n%s\n%s", name, cmp.Diff(whole.Blocks, quick.Blocks,
			cmp.Exporter(func(reflect.Type) bool { return true }), cmp.Comparer(cty.Value.RawEquals)), text)
	}
	return true
}

// TestQuick reads all files of the tests, each also with each byte left out,
// doubled, and with strange ones before it.
func TestQuick(t *testing.T) {
	const (
		mutatedBytes = 40 // of a file, spread over it
		tried        = "\n\"$%{}[](),.=:-#/\\ é1a"
	)
	quick, all := 0, 0
	for name, text := range quickTexts(t) {
		all++
		if !sameTree(t, name, text) {
			continue
		}
		quick++
		step := 1 + len(text)/mutatedBytes
		for i := quick % step; i < len(text); i += step {
			sameTree(t, name, append(bytes.Clone(text[:i]), text[i+1:]...))
			c := tried[(i/step+quick)%len(tried)]
			sameTree(t, name, append(append(bytes.Clone(text[:i]), c), text[i:]...))
		}
		if t.Failed() {
			return
		}
	}
	if quick < all/3 {
		t.Errorf("only %d of %d files were read quickly", quick, all)
	}
	t.Logf("%d of %d files were read quickly", quick, all)
}

// TestQuick_Forms has each form that is read quickly, and near it those that are
// not.
func TestQuick_Forms(t *testing.T) {
	for text, want := range map[string]bool{
		"":                              true,
		"# only a comment":              true,
		"a = 1":                         true,
		"a=1\n":                         true,
		"a = 1.50\n":                    true,
		"a = -3 # x\n":                  true,
		"a = - 3\n":                     false,
		"a = 1e5\n":                     false,
		"a = 1.\n":                      false,
		"a = 007\n":                     true,
		"a = true\nb = null\n":          true,
		"a = truex\n":                   true,
		"a = true.b\n":                  false,
		"a = var.b-c.d_e\n":             true,
		"a = var.b[0]\n":                false,
		"a = var.b.0\n":                 false,
		"a = var . b\n":                 false,
		"a = f(1)\n":                    false,
		"a = f::g(1)\n":                 false,
		"a = b + c\n":                   false,
		"a = b ? c : d\n":               false,
		"a = (b)\n":                     false,
		"a = !b\n":                      false,
		"a == b\n":                      false,
		"a =\n1\n":                      false,
		"a = 1\na = 2\n":                false,
		"a = \"\"\n":                    true,
		"a = \"b\"\n":                   true,
		"a = \"b\".c\n":                 false,
		"a = \"b\\n\"\n":                false,
		"a = \"ä\"\n":                   false,
		"a = \"b\tc\"\n":                false,
		"a = \"b\nc\"\n":                false,
		"a = \"${b}\"\n":                true,
		"a = \"${ b.c }\"\n":            true,
		"a = \"x${b}y${c}z\"\n":         true,
		"a = \"${b}${c}\"\n":            true,
		"a = \"${true}\"\n":             true,
		"a = \"${~b}\"\n":               false,
		"a = \"$${b}\"\n":               false,
		"a = \"$b\"\n":                  false,
		"a = \"${b\n}\"\n":              false,
		"a = \"100%\"\n":                false,
		"a = []\n":                      true,
		"a = [1, \"b\", c.d, []]\n":     true,
		"a = [ # x\n1,\n2, // y\n\n]\n": true,
		"a = [1 2]\n":                   false,
		"a = [1,, 2]\n":                 false,
		"a = [for b in c : b]\n":        false,
		"a = [1]\nb = 2\n":              true,
		"a = [1][0]\n":                  false,
		"a = {}\n":                      true,
		"a = { b = 1, c = 2 }\n":        true,
		"a = {\n  \"b.c\" = 1 # x\n\n  d = {}\n}\n": true,
		"a = { b : 1 }\n":                  true,
		"a = { b: 1 }\n":                   false,
		"a = { \"b\": 1 }\n":               true,
		"a = { b.c = 1 }\n":                true,
		"a = { (b) = 1 }\n":                false,
		"a = { b = 1 c = 2 }\n":            false,
		"a = { b == 1 }\n":                 false,
		"a = { b => 1 }\n":                 false,
		"a = { b\n= 1 }\n":                 false,
		"a = { for b, c in d : b => c }\n": false,
		"a {}\n":                           true,
		"a \"b\" c {}\n":                   true,
		"a \"${b}\" {}\n":                  false,
		"a { b = 1 }\n":                    true,
		"a { b = 1 } # c\n":                true,
		"a { b = 1\n}\n":                   false,
		"a { b {} }\n":                     false,
		"a { b = 1, c = 2 }\n":             false,
		"a { # x\n  b = 1\n}":              true,
		"a {\n  b = 1 }\n":                 false,
		"a {\n} b {\n}\n":                  false,
		"a\n{}\n":                          false,
		"a {\n":                            false,
		"}\n":                              false,
		"a = <<E\nE\n":                     false,
		"a = 1 /* b */\n":                  false,
		"a = 1\r\n":                        false,
		"# ä\na = 1\n":                     true,
		"# \xff\na = 1\n":                  false,
		"1a = 1\n":                         false,
		"-a = 1\n":                         false,
		"_a-b = 1\n":                       true,
		"\"a\" = 1\n":                      false,
	} {
		if got := sameTree(t, text, []byte(text)); got != want {
			t.Errorf("%q: read quickly: %v", text, got)
		}
	}
}

// FuzzQuick reads whatever text: what is read quickly is what hclsyntax reads.
func FuzzQuick(f *testing.F) {
	for _, text := range quickTexts(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) { sameTree(t, "the text", text) })
}
