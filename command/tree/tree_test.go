package tree

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/nomadlike/nomadlike"
	root   = "../.."
)

// arrows are the allowed imports between the top rooms; a room may always
// import itself. website/docs/architecture.md tells why.
var arrows = map[string][]string{
	"nomadlike": {},
	"plugins":   {},
	"jobspec":   {"nomadlike"},
	"drivers":   {"plugins"},
	"client":    {"nomadlike", "plugins"},
	"server":    {"nomadlike", "jobspec", "website"},
	"website":   {},
	"examples":  {},
	"command":   {"nomadlike", "plugins", "jobspec", "drivers", "client", "server", "website"},
	"":          {"command"}, // main.go
}

// sees names the packages below command that may import both client and
// server; every other command speaks HTTP.
var seesBothSides = []string{"command/agent", "command/sim"}

// file is a parsed Go file with its place in the tree.
type file struct {
	path string // below the root, with slashes
	dir  string
	ast  *ast.File
}

func files(t *testing.T) (out []file, fset *token.FileSet) {
	t.Helper()
	fset = token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		out = append(out, file{path: rel, dir: filepath.ToSlash(filepath.Dir(rel)), ast: f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 100 {
		t.Fatalf("found only %d Go files below %s", len(out), root)
	}
	return out, fset
}

func isTest(f file) bool { return strings.HasSuffix(f.path, "_test.go") }

func room(dir string) string {
	if dir == "." {
		return ""
	}
	top, _, _ := strings.Cut(dir, "/")
	return top
}

func TestArrows(t *testing.T) {
	all, _ := files(t)
	for _, f := range all {
		from := room(f.dir)
		allowed, ok := arrows[from]
		if !ok {
			t.Errorf("%s: %q is no room of the tree", f.path, from)
			continue
		}
		for _, imp := range f.ast.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			rel, ours := strings.CutPrefix(path, module+"/")
			if !ours {
				if strings.HasPrefix(path, "github.com/hashicorp/nomad") && !(isTest(f) && strings.HasPrefix(path, "github.com/hashicorp/nomad/api")) {
					t.Errorf("%s imports %s: only its API client, only in tests", f.path, path)
				}
				continue
			}
			to := room(rel)
			// Tests may look across: they show that rooms fit together.
			if to == from || slices.Contains(allowed, to) || isTest(f) {
				continue
			}
			t.Errorf("%s imports %s: %q may import only %v", f.path, rel, from, allowed)
		}
	}
}

func TestOnlyAgentSeesBothSides(t *testing.T) {
	all, _ := files(t)
	for _, f := range all {
		if room(f.dir) != "command" || isTest(f) {
			continue
		}
		for _, imp := range f.ast.Imports {
			rel, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), module+"/")
			if !ours || room(rel) != "client" && room(rel) != "server" {
				continue
			}
			if !slices.ContainsFunc(seesBothSides, func(p string) bool { return f.dir == p || strings.HasPrefix(f.dir, p+"/") }) {
				t.Errorf("%s imports %s: commands speak HTTP", f.path, rel)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	all, _ := files(t)
	documented := map[string]bool{}
	for _, f := range all {
		if isTest(f) {
			continue
		}
		if f.ast.Doc != nil {
			documented[f.dir] = true
		} else if _, ok := documented[f.dir]; !ok {
			documented[f.dir] = false
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment that tells what it is", dir)
		}
	}
}

var generated = regexp.MustCompile(`^// Code generated .* DO NOT EDIT\.$`)

func isGenerated(f file) bool {
	for _, c := range f.ast.Comments {
		for _, l := range c.List {
			if generated.MatchString(l.Text) {
				return true
			}
		}
	}
	return false
}

func TestNoInit(t *testing.T) {
	all, fset := files(t)
	for _, f := range all {
		if isGenerated(f) {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init() runs behind everybody's back; make a value in command/agent", fset.Position(fn.Pos()))
			}
		}
	}
}

var todo = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)

func TestNoTodoWithoutIssue(t *testing.T) {
	all, fset := files(t)
	for _, f := range all {
		if f.dir == "command/tree" {
			continue
		}
		for _, g := range f.ast.Comments {
			if todo.MatchString(g.Text()) && !regexp.MustCompile(`(TODO|FIXME|XXX)\(#\d+\)`).MatchString(g.Text()) {
				t.Errorf("%s: a TODO names its issue: TODO(#123)", fset.Position(g.Pos()))
			}
		}
	}
}

func TestUtilPackages(t *testing.T) {
	all, _ := files(t)
	for _, f := range all {
		switch filepath.Base(f.dir) {
		case "util", "utils", "helper", "helpers", "common", "structs", "misc":
			t.Errorf("%s: a package is named for its one idea", f.dir)
		}
	}
}

// walkFilesMax is how many files a reader of the walk is asked to open.
const walkFilesMax = 24

// TestWalk checks that the files named in the walk of `job run` in
// CONTRIBUTING.md exist.
func TestWalk(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, walk, ok := strings.Cut(string(text), "## The walk of `job run`")
	if !ok {
		t.Fatal("CONTRIBUTING.md has no walk of `job run`")
	}
	walk, _, _ = strings.Cut(walk, "\n## ")
	named := regexp.MustCompile("`([a-z]+/[a-zA-Z0-9_/.-]+\\.go)`").FindAllStringSubmatch(walk, -1)
	if len(named) < 10 {
		t.Fatalf("the walk names only %d files", len(named))
	}
	distinct := map[string]bool{}
	for _, n := range named {
		distinct[n[1]] = true
	}
	if len(distinct) > walkFilesMax {
		t.Errorf("the walk names %d files, more than %d: what has been split that belongs together?", len(distinct), walkFilesMax)
	}
	for _, n := range named {
		if _, err := os.Stat(filepath.Join(root, n[1])); err != nil {
			t.Errorf("the walk names %s, which is not there", n[1])
		}
	}
}
