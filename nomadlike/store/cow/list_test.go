package cow

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// listModel is a list, an index of it by key, and what both should hold.
type listModel struct {
	list   List[entry]
	index  Index
	model  map[string]int
	number map[string]uint64
}

func (m *listModel) of(number uint64) string { return m.list.Get(number).key }

func (m *listModel) clone() listModel {
	return listModel{m.list, m.index, maps.Clone(m.model), maps.Clone(m.number)}
}

func (m *listModel) check(t *testing.T) {
	t.Helper()
	if m.list.Len() != len(m.model) || m.index.Len() != len(m.model) {
		t.Fatalf("Len is %d and %d, want %d", m.list.Len(), m.index.Len(), len(m.model))
	}
	var keys []string
	for number := range m.index.All() {
		keys = append(keys, m.of(number))
	}
	if want := slices.Sorted(maps.Keys(m.model)); !slices.Equal(keys, want) {
		t.Fatalf("keys are %q, want %q", keys, want)
	}
	for key, value := range m.model {
		number, found := m.index.Get(key, m.of)
		if !found || number != m.number[key] || m.list.Get(number).value != value {
			t.Fatalf("%q is found: %t, at %d, want %d", key, found, number, m.number[key])
		}
	}
	var all []string
	for e := range m.list.All() {
		all = append(all, e.key)
	}
	slices.SortFunc(keys, func(a, b string) int { return int(m.number[a]) - int(m.number[b]) })
	if !slices.Equal(all, keys) {
		t.Fatalf("the list has %q, want %q", all, keys)
	}
}

// Random changes of a list and its index behave as those of maps, and every
// earlier copy stays what it was.
func TestListAndIndex(t *testing.T) {
	for _, form := range []string{"%d", "%08d", "common-prefix-%d"} {
		t.Run(form, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			m := listModel{model: map[string]int{}, number: map[string]uint64{}}
			var versions []listModel
			for step := range 150 {
				o := new(Owner)
				deletes := 1 + step/30*2 // later steps empty the list
				for range 60 {
					key := fmt.Sprintf(form, r.IntN(900))
					number, found := m.index.Get(key, m.of)
					value := &entry{key, r.Int()}
					switch {
					case r.IntN(6) < deletes:
						if m.index.Delete(o, key, m.of) != found {
							t.Fatalf("Delete(%q) is %v, want %v", key, !found, found)
						}
						if found {
							m.list.Delete(o, number)
						}
						delete(m.model, key)
						delete(m.number, key)
						continue
					case found:
						if there, found := m.index.Add(o, key, 1<<40, m.of); !found || there != number {
							t.Fatalf("%q is found: %t, as %d, want %d", key, found, there, number)
						}
						m.list.Set(o, number, value)
					default:
						number = m.list.Add(o, value)
						if there, found := m.index.Add(o, key, number, m.of); found {
							t.Fatalf("%q is added, but there as %d", key, there)
						}
					}
					m.model[key], m.number[key] = value.value, number
				}
				if step%10 == 0 {
					versions = append(versions, m.clone())
				}
			}
			m.check(t)
			for i := range versions {
				versions[i].check(t)
			}
			o := new(Owner)
			for key, number := range m.number {
				m.index.Delete(o, key, m.of)
				m.list.Delete(o, number)
			}
			if m.list.root != nil || m.index.root != nil || m.list.Get(0) != nil || m.list.Get(1<<40) != nil {
				t.Error("an empty list or index holds something")
			}
			again := m.list.Add(o, &entry{"again", 1})
			if m.list.Get(again).key != "again" || m.list.Len() != 1 {
				t.Error("an emptied list does not take anything")
			}
		})
	}
}

func TestBuildIndex(t *testing.T) {
	for size := range 300 {
		var list List[entry]
		o := new(Owner)
		for i := range size {
			list.Add(o, &entry{fmt.Sprintf("common-%06d", i*2), i})
		}
		of := func(number uint64) string { return list.Get(number).key }
		x := BuildIndex(o, size, func(i int) (string, uint64) { return of(uint64(i)), uint64(i) })
		want := size
		for number := range x.Prefixed("common-0000", of) {
			if n, found := x.Get(of(number), of); !found || n != number {
				t.Fatalf("of %d, %d is found: %t, as %d", size, number, found, n)
			}
			want--
		}
		if want != max(0, size-50) || x.Len() != size {
			t.Fatalf("of %d, %d are there and %d do not begin alike", size, x.Len(), want)
		}
	}
}
