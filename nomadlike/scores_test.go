package nomadlike

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestScoreTable(t *testing.T) {
	for _, c := range []struct{ json, again string }{
		{`null`, `null`},
		{`{}`, `{}`},
		{`{"node-affinity":-0.5,"binpack":0.25}`, `{"binpack":0.25,"node-affinity":-0.5}`},
	} {
		var table ScoreTable
		if err := json.Unmarshal([]byte(c.json), &table); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(table)
		if err != nil || string(again) != c.again {
			t.Errorf("%s became %s, %v", c.json, again, err)
		}
	}
	table := ScoreTable{{Name: "node-affinity", Value: -0.5}, {Name: "binpack", Value: 0.25}}
	if got := [...]float64{table.Get("binpack"), table.Get("node-affinity"), table.Get("devices")}; got != [...]float64{0.25, -0.5, 0} {
		t.Errorf("the scores are %v", got)
	}
	for _, bad := range []string{`[]`, `{"binpack":"much"}`, `{`} {
		before := slices.Clone(table)
		if err := json.Unmarshal([]byte(bad), &table); err == nil || !slices.Equal(table, before) {
			t.Errorf("%s: %v, %v", bad, table, err)
		}
	}
}
