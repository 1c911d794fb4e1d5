package nomadlike

import (
	"encoding/json"
	"maps"
	"slices"
)

// ScoreTable are the scores of a node by what they are for: of a large state,
// which has millions, in a third of the memory that maps would take. No name is
// there twice. JSON shows them as a map, and nil as null.
type ScoreTable []Score

// Score is what a node is worth in one respect, from -1 to 1.
type Score struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Value float64
}

// Get is the score of that name; 0 when there is none.
func (t ScoreTable) Get(name string) float64 {
	for i := range t {
		if t[i].Name == name {
			return t[i].Value
		}
	}
	return 0
}

// Map is a map of the scores, nil for nil.
func (t ScoreTable) Map() map[string]float64 {
	if t == nil {
		return nil
	}
	m := make(map[string]float64, len(t))
	for _, s := range t {
		m[s.Name] = s.Value
	}
	return m
}

// MarshalJSON writes the map.
func (t ScoreTable) MarshalJSON() ([]byte, error) { return json.Marshal(t.Map()) }

// UnmarshalJSON reads it; the scores are in the order of their names.
func (t *ScoreTable) UnmarshalJSON(b []byte) error {
	var m map[string]float64
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*t = nil
	if m == nil {
		return nil
	}
	*t = make(ScoreTable, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		*t = append(*t, Score{Name: name, Value: m[name]})
	}
	return nil
}
