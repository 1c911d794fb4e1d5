package jobspec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// mustFit fails if a text that is called plain is out of bounds.
func mustFit(t *testing.T, text []byte) {
	t.Helper()
	if _, plain := scanPlain(text); !plain {
		return
	}
	if _, d := checkText(text, "x", hcl.InitialPos, hclsyntax.LexConfig); d != nil {
		t.Errorf("plain, but %s: %q", d.Summary, text[:min(len(text), 200)])
	}
}

func TestIsPlain_Refuses(t *testing.T) {
	const deep = 5_000
	for name, text := range map[string]string{
		"brackets":     "x = " + strings.Repeat("[", deep),
		"blocks":       strings.Repeat("a {\n", deep),
		"templates":    "x = " + strings.Repeat(`"${`, deep),
		"open strings": strings.Repeat("x = \"${\"\n}\n", deep),
		"two quotes":   strings.Repeat("x = \"\n}\n", deep),
		"negations":    "x = " + strings.Repeat("!", deep),
		"comparisons":  "x = 1" + strings.Repeat("!=1", deep) + strings.Repeat("==1", deep) + strings.Repeat(">=1", deep),
		"object sums":  "x = {\n}" + strings.Repeat(" + {\n}", deep),
		"commented":    "x = (1" + strings.Repeat(" + # y\n1", deep),
		"comment ends": "x = 1" + strings.Repeat(" + #\n1", deep),
		"arrows":       "x = a" + strings.Repeat("=>b", deep),
		"indexes":      "x = a" + strings.Repeat("[b]", deep),
		"inner index":  `x = "${a` + strings.Repeat("[b]", deep) + `}"`,
		"heredoc":      "x = <<E\n" + strings.Repeat("}\n", deep) + "E\n",
		"comment":      "/*\n" + strings.Repeat("}\n", deep) + "*/",
		"escapes":      `x = "$${"`,
		"dollars":      `x = "` + strings.Repeat("$a", deep) + `"`,
		"no text":      strings.Repeat("0!\xe8\n", deep),
		"returns":      strings.Repeat("\r", deep),
		"no index":     strings.Repeat(`= "${a.b[0}"`+"\x00", deep),
		"words":        "x = [" + strings.Repeat("1,", tokensMax) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			mustFit(t, []byte(text))
			if _, plain := scanPlain([]byte(text)); plain {
				t.Error("called plain")
			}
		})
	}
}

// TestIsPlain_Accepts keeps ordinary files on the quick way.
func TestIsPlain_Accepts(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/valid/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	plain := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mustFit(t, text)
		if _, ok := scanPlain(text); ok {
			plain++
		}
	}
	if plain*10 < len(files)*7 {
		t.Errorf("only %d of %d files are plain", plain, len(files))
	}
}

// FuzzPlain looks for texts that are called plain and are not. The text is
// repeated, since bounds are passed by repetition.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{"x = \"${a.b[0]}\" # c\n", "a \"b\" {\n}\n", "x = [1, 2 + 3]\n", "!= == >= => {\n}", "\"\\\"", "x = {\n} + ", "// c\r\n", "<<E\n}\nE\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		mustFit(t, text)
		const repetitions = 2500
		if len(text) < 100 {
			mustFit(t, []byte(strings.Repeat(string(text), repetitions)))
		}
	})
}
