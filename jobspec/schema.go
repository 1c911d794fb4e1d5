package jobspec

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed schema.txt
var schemaText string

// Names in the schema that the code refers to.
const (
	topShape      = "file"
	variableShape = "variable"
	volumeShape   = "volume"
	// dynamicType is the block that makes blocks of other types.
	dynamicType = "dynamic"
)

// attrDef is an attribute of a block.
type attrDef struct {
	name     string
	field    string
	convert  converter
	nullable bool
	required bool
}

// blockKind says what several blocks of one type mean.
type blockKind string

const (
	blockOne  blockKind = "one"
	blockLast blockKind = "last"
	blockList blockKind = "list"
	blockMap  blockKind = "map"
)

// mapKind is the content of blocks without a schema.
type mapKind string

const (
	mapStrings mapKind = "strings"
	mapLists   mapKind = "lists"
	mapOpaque  mapKind = "opaque"
)

// blockDef is a block inside another.
type blockDef struct {
	name  string
	field string
	kind  blockKind
	// shape names the schema of the body; content is set instead where the
	// body has none.
	shape   string
	content mapKind
	// label is the field that takes the label; blocks with none have no label.
	label string
}

// isMap tells blocks that hold free attributes only.
func (b *blockDef) isMap() bool { return b.content == mapStrings || b.content == mapLists }

// labelNames lists the labels of the block.
func (b *blockDef) labelNames() []string {
	if b.label == "" {
		return nil
	}
	return []string{"name"}
}

// shape is the schema of a block body.
type shape struct {
	name   string
	lax    bool
	attrs  []*attrDef
	blocks []*blockDef
}

// cost is what a block of the shape is charged for, in bytes.
func (s *shape) cost() int64 {
	return blockCost + memberCost*int64(len(s.attrs)+len(s.blocks))
}

func (s *shape) attr(name string) *attrDef {
	i := slices.IndexFunc(s.attrs, func(a *attrDef) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return s.attrs[i]
}

func (s *shape) block(name string) *blockDef {
	i := slices.IndexFunc(s.blocks, func(b *blockDef) bool { return b.name == name })
	if i < 0 {
		return nil
	}
	return s.blocks[i]
}

// schema is every shape by name.
type schema struct {
	shapes map[string]*shape
}

// jobSchema is the schema of job files. It is part of the program, so an error
// in it is a programming mistake.
var jobSchema = sync.OnceValue(func() *schema {
	s, err := readSchema(schemaText)
	if err != nil {
		panic("schema of job files: " + err.Error())
	}
	return s
})

// readSchema reads the table of shapes.
func readSchema(text string) (*schema, error) {
	out := &schema{shapes: map[string]*shape{}}
	var current *shape
	for n, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		var err error
		switch {
		case words[0] == "shape" && len(words) > 1:
			current = &shape{name: words[1], lax: len(words) > 2 && words[2] == "lax"}
			out.shapes[current.name] = current
		case current == nil || len(words) < 3:
			err = fmt.Errorf("want NAME FIELD TYPE below a shape")
		case strings.HasPrefix(words[0], "@"):
			err = current.addBlock(words)
		default:
			err = current.addAttr(words)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return out, out.check()
}

// check finds blocks whose shape is not defined.
func (s *schema) check() error {
	for _, sh := range s.shapes {
		for _, b := range sh.blocks {
			if b.content == "" && s.shapes[b.shape] == nil {
				return fmt.Errorf("block %s of %s has unknown shape %s", b.name, sh.name, b.shape)
			}
		}
	}
	return nil
}

func (s *shape) addAttr(words []string) error {
	typ, nullable := strings.CutSuffix(words[2], "?")
	nullable = nullable || typ == "strings" || strings.HasPrefix(typ, "[]")
	convert := converterOf(typ)
	if convert == nil {
		return fmt.Errorf("unknown type %s", words[2])
	}
	s.attrs = append(s.attrs, &attrDef{
		name: words[0], field: words[1], convert: convert, nullable: nullable,
		required: len(words) > 3 && words[3] == "!",
	})
	return nil
}

func (s *shape) addBlock(words []string) error {
	if len(words) < 4 {
		return fmt.Errorf("want @BLOCK FIELD SHAPE HOW")
	}
	b := &blockDef{name: words[0][1:], field: words[1], kind: blockKind(words[3])}
	switch content := mapKind(words[2]); content {
	case mapStrings, mapLists, mapOpaque:
		b.content = content
	default:
		b.shape = words[2]
	}
	if len(words) > 4 {
		b.label = strings.Trim(words[4], "[]")
	}
	s.blocks = append(s.blocks, b)
	return nil
}
