package quality

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/sim/plot"
)

// Text is the report as a table.
func (r *Report) Text(colour render.Palette) string {
	header := []string{"Load", "Policy", "Filled", "Churned", "Above best fit", "Unplaced"}
	for _, shape := range r.Large {
		header = append(header, shape.String())
	}
	t := render.NewTable(header...).KeepEmpty()
	for i := range r.Loads {
		l := &r.Loads[i]
		bound := []string{percent(l.Load), "fractional bound", fmt.Sprintf("%.0f", math.Floor(l.Bound.Filled)), churned(l.Bound.Churned)}
		for j := range l.Policies {
			p := &l.Policies[j]
			row := []string{"", p.Name, strconv.Itoa(p.Filled), churned(p.Churned), signed(p.Above), strconv.Itoa(p.Failed)}
			for _, n := range p.Large {
				row = append(row, strconv.Itoa(n))
			}
			if j == 0 {
				row[0] = bound[0]
				bound[0] = ""
			}
			t.Row(row...)
		}
		t.Row(bound...)
		if i < len(r.Loads)-1 {
			t.Row()
		}
	}
	verdict := colour.Paint(render.Green, fmt.Sprintf("Nodes in use compared with full best fit, worst load: %s. At most %s is asked for.", signed(r.Worst()), signed(AboveMax)))
	if r.Worst() > AboveMax {
		verdict = colour.Paint(render.Red, fmt.Sprintf("Nodes in use compared with full best fit, worst load: %s. That is too many: at most %s is asked for.", signed(r.Worst()), signed(AboveMax)))
	}
	return strings.Join([]string{
		fmt.Sprintf("%d nodes of %s; seed %d. Filled and Churned are nodes in use when the load was", r.Nodes, r.Node, r.Seed),
		fmt.Sprintf("reached and on average during the second half of the churn (%.2f of the jobs that", r.Churn),
		"filled it); the last columns are how many allocations of a large shape still fit.",
		"", t.String(), "", verdict,
	}, "\n")
}

// AboveMax is how far above full best fit the scheduler may be, as a part.
const AboveMax = 0.01

func percent(part float64) string { return fmt.Sprintf("%.0f %%", 100*part) }

func signed(part float64) string { return fmt.Sprintf("%+.1f %%", 100*part) }

func churned(nodes float64) string {
	if nodes == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", nodes)
}

// Plot draws nodes in use by load and policy.
func (r *Report) Plot() string {
	b := &plot.Bars{
		Title:  fmt.Sprintf("Nodes in use, of %d", r.Nodes),
		Y:      "nodes",
		Format: func(v float64) string { return fmt.Sprintf("%.0f", v) },
	}
	bound := plot.Series{Name: "fractional bound"}
	for _, l := range r.Loads {
		b.Groups = append(b.Groups, percent(l.Load)+" load")
		for i := range l.Policies {
			if len(b.Series) == i {
				b.Series = append(b.Series, plot.Series{Name: l.Policies[i].Name})
			}
			b.Series[i].Values = append(b.Series[i].Values, l.Policies[i].nodes())
		}
		least := l.Bound.Churned
		if least == 0 {
			least = l.Bound.Filled
		}
		bound.Values = append(bound.Values, least)
	}
	b.Series = append(b.Series, bound)
	return b.SVG()
}

// GrowthText is the growth as a table.
func GrowthText(rows []GrowthRow) string {
	t := render.NewTable("Nodes", "1,000 in one evaluation", "1,000 spread over nodes", "One in each evaluation", "The same on filled nodes")
	for _, r := range rows {
		t.Row(strconv.Itoa(r.Nodes), micros(r.Plain), micros(r.Spread), micros(r.Single), micros(r.Filled))
	}
	return "Processor time of one placement, median of " + strconv.Itoa(growthRounds) + ":\n\n" + t.String()
}

// short is a time in three digits.
func short(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if d >= unit.size {
			return strconv.FormatFloat(float64(d)/float64(unit.size), 'g', 3, 64) + " " + unit.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + " ns"
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f us", float64(d)/float64(time.Microsecond))
}

// GrowthPlot draws the growth.
func GrowthPlot(rows []GrowthRow) string {
	l := &plot.Lines{
		Title: "Processor time of one placement by size of the cluster", XName: "nodes", Y: "time of one placement",
		Format: func(v float64) string { return short(time.Duration(v)) },
		Series: []plot.Series{{Name: "1,000 at once"}, {Name: "1,000 spread over nodes"}, {Name: "one alone"}, {Name: "one alone, nodes filled"}},
	}
	for _, r := range rows {
		l.X = append(l.X, float64(r.Nodes))
		for i, d := range []time.Duration{r.Plain, r.Spread, r.Single, r.Filled} {
			l.Series[i].Values = append(l.Series[i].Values, float64(d))
		}
	}
	return l.SVG()
}
