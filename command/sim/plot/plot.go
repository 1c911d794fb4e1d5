// Package plot draws small charts as SVG: groups of bars, and lines over
// logarithmic axes. The harnesses of package sim use it for their reports. It
// knows nothing of what it draws and writes no files.
package plot

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Sizes in pixels.
const (
	width, height = 760, 420
	left, right   = 78, 20
	// figures is the room right of the ends of lines.
	figures = 64
	// apart keeps the figures of lines that end together readable.
	apart        = 13
	top, bottom  = 46, 88
	fontSize     = 13
	legendSwatch = 12
	// legendLetter is the width of a letter, near enough to part the entries.
	legendLetter = 7.2
	// yTicks is about how many lines a linear axis has.
	yTicks = 5
	// headroom keeps the highest bar and its figure below the title.
	headroom = 1.12
)

// colours tell series apart, also for those who see red and green alike.
func colours() []string {
	return []string{"#0072b2", "#009e73", "#e69f00", "#d55e00", "#999999", "#cc79a7"}
}

// Series is one colour of a chart.
type Series struct {
	Name   string
	Values []float64 // one for each group of bars, or each X of lines
}

// Bars is a chart of groups of bars.
type Bars struct {
	Title, Y string
	Groups   []string
	Series   []Series
	Format   func(float64) string // of the figure above a bar
}

// Lines is a chart of lines over two logarithmic axes.
type Lines struct {
	Title, XName, Y string
	X               []float64 // ascending, above 0
	Series          []Series  // values above 0
	Format          func(float64) string
}

// canvas collects elements.
type canvas struct{ b strings.Builder }

func (c *canvas) add(format string, args ...any) { fmt.Fprintf(&c.b, format+"\n", args...) }

func (c *canvas) text(x, y float64, anchor, style, text string) {
	c.add(`<text x="%s" y="%s" text-anchor="%s"%s>%s</text>`, num(x), num(y), anchor, style, html.EscapeString(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, colour string) {
	c.add(`<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s"/>`, num(x1), num(y1), num(x2), num(y2), colour)
}

func num(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

func newCanvas(title, yName string) *canvas {
	c := &canvas{}
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="%d">`, width, height, fontSize)
	c.add(`<rect width="%d" height="%d" fill="#ffffff"/>`, width, height)
	c.text(left, 24, "start", ` font-size="16" font-weight="bold"`, title)
	c.add(`<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`, (top+height-bottom)/2, html.EscapeString(yName))
	return c
}

// legend names the series below the chart.
func (c *canvas) legend(series []Series) {
	x := float64(left)
	for i, s := range series {
		c.add(`<rect x="%s" y="%d" width="%d" height="%d" fill="%s"/>`, num(x), height-26, legendSwatch, legendSwatch, colours()[i%len(colours())])
		c.text(x+legendSwatch+6, height-15, "start", "", s.Name)
		x += legendSwatch + 24 + legendLetter*float64(len(s.Name))
	}
}

func (c *canvas) String() string { return c.b.String() + "</svg>\n" }

// SVG draws the chart.
func (b *Bars) SVG() string {
	c := newCanvas(b.Title, b.Y)
	highest := 0.0
	for _, s := range b.Series {
		highest = max(highest, slices.Max(s.Values))
	}
	highest *= headroom
	y := func(v float64) float64 { return float64(height-bottom) - v/highest*float64(height-bottom-top) }
	for tick := 0.0; tick <= highest; tick += step(highest) {
		c.line(left, y(tick), width-right, y(tick), "#dddddd")
		c.text(left-8, y(tick)+4, "end", "", b.Format(tick))
	}
	group := float64(width-left-right) / float64(len(b.Groups))
	bar := group * 0.84 / float64(len(b.Series))
	for g, name := range b.Groups {
		from := left + group*float64(g) + group*0.08
		for i, s := range b.Series {
			x := from + bar*float64(i)
			c.add(`<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`, num(x), num(y(s.Values[g])), num(bar-2), num(y(0)-y(s.Values[g])), colours()[i%len(colours())])
			c.text(x+bar/2-1, y(s.Values[g])-5, "middle", ` font-size="11"`, b.Format(s.Values[g]))
		}
		c.text(left+group*(float64(g)+0.5), height-bottom+22, "middle", "", name)
	}
	c.line(left, y(0), width-right, y(0), "#444444")
	c.legend(b.Series)
	return c.String()
}

// ends writes the last figure of every line beside it, the highest line first.
func (l *Lines) ends(c *canvas, x, y func(float64) float64) {
	last := len(l.X) - 1
	values := make([]float64, 0, len(l.Series))
	for _, s := range l.Series {
		values = append(values, s.Values[last])
	}
	slices.Sort(values)
	slices.Reverse(values)
	above := math.Inf(-1)
	for _, v := range values {
		above = max(y(v)+4, above+apart)
		c.text(x(l.X[last])+8, above, "start", ` font-size="11"`, l.Format(v))
	}
}

// step parts an axis into about yTicks round pieces.
func step(highest float64) float64 {
	raw := highest / yTicks
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*power {
			return m * power
		}
	}
	return 10 * power
}

// SVG draws the chart.
func (l *Lines) SVG() string {
	c := newCanvas(l.Title, l.Y)
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range l.Series {
		low, high = min(low, slices.Min(s.Values)), max(high, slices.Max(s.Values))
	}
	low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	scale := func(v, from, to, at, size float64) float64 { return at + math.Log(v/from)/math.Log(to/from)*size }
	x := func(v float64) float64 {
		return scale(v, l.X[0], l.X[len(l.X)-1], left+20, width-left-right-20-figures)
	}
	y := func(v float64) float64 { return scale(v, low, high, height-bottom, -(height - bottom - top)) }
	for tick := low; tick <= high*1.001; tick *= 10 {
		c.line(left, y(tick), width-right, y(tick), "#dddddd")
		c.text(left-8, y(tick)+4, "end", "", l.Format(tick))
	}
	for _, v := range l.X {
		c.line(x(v), top, x(v), height-bottom, "#eeeeee")
		c.text(x(v), height-bottom+20, "middle", "", strconv.FormatFloat(v, 'f', -1, 64))
	}
	c.text((left+width-right)/2, height-bottom+42, "middle", "", l.XName)
	for i, s := range l.Series {
		colour := colours()[i%len(colours())]
		var points []string
		for j, v := range s.Values {
			points = append(points, num(x(l.X[j]))+","+num(y(v)))
			c.add(`<circle cx="%s" cy="%s" r="3.5" fill="%s"/>`, num(x(l.X[j])), num(y(v)), colour)
		}
		c.add(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`, strings.Join(points, " "), colour)
	}
	l.ends(c, x, y)
	c.line(left, height-bottom, width-right, height-bottom, "#444444")
	c.legend(l.Series)
	return c.String()
}
