package wire

import (
	"math"
	"slices"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Placement metrics are written and read by hand, to the bytes that the library
// would make: a state of many small jobs has one for each allocation. The
// numbers are those of the noun.

// encodeMetric is what Encode makes of the metric.
func encodeMetric(m *nl.AllocMetric) ([]byte, error) {
	if m.ResourcesExhausted != nil {
		return Encode(m) // of what found no place, which is seldom kept
	}
	const typical = 512 // bytes: the scores of five nodes
	w := metricWriter{b: make([]byte, 1, typical)}
	w.int(1, m.NodesEvaluated)
	w.int(2, m.NodesFiltered)
	w.int(3, m.NodesInPool)
	w.text(4, m.NodePool)
	w.counts(5, m.NodesAvailable)
	w.counts(6, m.ClassFiltered)
	w.counts(7, m.ConstraintFiltered)
	w.int(8, m.NodesExhausted)
	w.counts(9, m.ClassExhausted)
	w.counts(10, m.DimensionExhausted)
	if m.QuotaExhausted != nil {
		w.key(11)
		w.b = AppendArray(w.b, len(m.QuotaExhausted))
		for _, s := range m.QuotaExhausted {
			w.b = AppendText(w.b, s)
		}
	}
	if m.Scores != nil {
		w.key(13)
		w.b = appendSorted(w.b, m.Scores, AppendFloat)
	}
	if m.ScoreMetaData != nil {
		w.key(14)
		w.rows(m.ScoreMetaData)
	}
	w.int(15, int(m.AllocationTime))
	w.int(16, m.CoalescedFailures)
	w.text(17, m.Reason)
	w.b[0] = majorMap | byte(w.pairs) // fewer than followsOne
	return w.b, nil
}

// metricWriter writes the pairs of a map and counts them.
type metricWriter struct {
	b     []byte
	pairs int
}

func (w *metricWriter) key(number uint64) {
	w.b = AppendUint(w.b, number)
	w.pairs++
}

func (w *metricWriter) int(number uint64, n int) {
	if n != 0 {
		w.key(number)
		w.b = AppendInt(w.b, int64(n))
	}
}

func (w *metricWriter) text(number uint64, s string) {
	if s != "" {
		w.key(number)
		w.b = AppendText(w.b, s)
	}
}

func (w *metricWriter) counts(number uint64, m map[string]int) {
	if m != nil {
		w.key(number)
		w.b = appendSorted(w.b, m, func(b []byte, n int) []byte { return AppendInt(b, int64(n)) })
	}
}

func (w *metricWriter) rows(rows []*nl.NodeScoreMeta) {
	w.b = AppendArray(w.b, len(rows))
	for _, row := range rows {
		if row == nil {
			w.b = AppendNull(w.b)
			continue
		}
		at := len(w.b)
		one := metricWriter{b: append(w.b, 0)}
		one.text(1, row.NodeID)
		if row.Scores != nil {
			one.key(2)
			one.b = appendScores(one.b, row.Scores)
		}
		if row.NormScore != 0 {
			one.key(3)
			one.b = AppendFloat(one.b, row.NormScore)
		}
		w.b = one.b
		w.b[at] = majorMap | byte(one.pairs)
	}
}

// scoreFields is how many elements a score has.
const scoreFields = 2

func appendScores(b []byte, t nl.ScoreTable) []byte {
	b = AppendArray(b, len(t))
	for i := range t {
		b = AppendFloat(AppendText(AppendArray(b, scoreFields), t[i].Name), t[i].Value)
	}
	return b
}

// appendSorted appends a map whose keys are in the order of their encoded form:
// shorter ones first.
func appendSorted[V any](b []byte, m map[string]V, value func([]byte, V) []byte) []byte {
	keys := make([]string, 0, 8) // stays on the stack for most
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	b = AppendMap(b, len(keys))
	for _, key := range keys {
		b = value(AppendText(b, key), m[key])
	}
	return b
}

// readMetric reads it; null is nil. Texts that the pool knows are its own.
func readMetric(r *Reader, p *TextPool) *nl.AllocMetric {
	if r.err != nil || r.Null() {
		return nil
	}
	m := new(nl.AllocMetric)
	for range r.Map() {
		switch r.Uint() {
		case 1:
			m.NodesEvaluated = int(r.Int())
		case 2:
			m.NodesFiltered = int(r.Int())
		case 3:
			m.NodesInPool = int(r.Int())
		case 4:
			m.NodePool = p.text(r)
		case 5:
			m.NodesAvailable = readCounts(r, p)
		case 6:
			m.ClassFiltered = readCounts(r, p)
		case 7:
			m.ConstraintFiltered = readCounts(r, p)
		case 8:
			m.NodesExhausted = int(r.Int())
		case 9:
			m.ClassExhausted = readCounts(r, p)
		case 10:
			m.DimensionExhausted = readCounts(r, p)
		case 11:
			m.QuotaExhausted = make([]string, r.Array())
			for i := range m.QuotaExhausted {
				m.QuotaExhausted[i] = p.text(r)
			}
		case 12:
			if exhausted := readItem[map[string]*nl.Resources](r); exhausted != nil {
				m.ResourcesExhausted = *exhausted
			}
		case 13:
			m.Scores = readMap(r, p, r.Float)
		case 14:
			m.ScoreMetaData = readList(r, func(r *Reader) *nl.NodeScoreMeta { return readRow(r, p) })
		case 15:
			m.AllocationTime = time.Duration(r.Int())
		case 16:
			m.CoalescedFailures = int(r.Int())
		case 17:
			m.Reason = p.text(r)
		default:
			r.Skip()
		}
	}
	return m
}

func readRow(r *Reader, p *TextPool) *nl.NodeScoreMeta {
	if r.err != nil || r.Null() {
		return nil
	}
	row := new(nl.NodeScoreMeta)
	for range r.Map() {
		switch r.Uint() {
		case 1:
			row.NodeID = p.text(r)
		case 2:
			row.Scores = readScores(r, p)
		case 3:
			row.NormScore = r.Float()
		default:
			r.Skip()
		}
	}
	return row
}

func readCounts(r *Reader, p *TextPool) map[string]int {
	return readMap(r, p, func() int { return int(r.Int()) })
}

func readScores(r *Reader, p *TextPool) nl.ScoreTable {
	n := r.Array()
	if n > len(r.b)/(1+scoreFields) {
		r.fail(errShort) // an element takes a byte at least
		return nil
	}
	t := make(nl.ScoreTable, n)
	for i := range t {
		if fields := r.Array(); r.err == nil && fields != scoreFields {
			r.fail(errType)
		}
		t[i].Name, t[i].Value = p.text(r), r.Float()
	}
	return t
}

func readMap[V any](r *Reader, p *TextPool, value func() V) map[string]V {
	m := map[string]V{}
	for range r.Map() {
		key := p.text(r)
		m[key] = value()
	}
	return m
}

// Bits of floating-point numbers.
const (
	halfByte, singleByte, doubleByte = 0xf9, 0xfa, 0xfb

	singleMantissa = 23 // bits
	halfMantissa   = 10
	singleBias     = 127
	halfBias       = 15
	halfInfinity   = 0x7c00
	halfNaN        = 0x7e00
)

// AppendFloat appends a number in the shortest of the forms that lose nothing.
func AppendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) {
		return append(b, halfByte, halfNaN>>8, halfNaN&0xff)
	}
	single := float32(f)
	if float64(single) != f {
		n := math.Float64bits(f)
		return append(b, doubleByte, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	if half, exact := halfOf(single); exact {
		return append(b, halfByte, byte(half>>8), byte(half))
	}
	n := math.Float32bits(single)
	return append(b, singleByte, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// halfOf is the number in two bytes, if they can hold it.
func halfOf(f float32) (half uint16, exact bool) {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 31 << 15)
	exponent := int(bits>>singleMantissa&0xff) - singleBias
	mantissa := bits & (1<<singleMantissa - 1)
	const dropped = singleMantissa - halfMantissa
	switch {
	case exponent == singleBias+1: // infinite
		return sign | halfInfinity, true
	case bits<<1 == 0:
		return sign, true
	case exponent > halfBias:
		return 0, false
	case exponent > -halfBias:
		return sign | uint16(exponent+halfBias)<<halfMantissa | uint16(mantissa>>dropped), mantissa&(1<<dropped-1) == 0
	case exponent < 1-halfBias-halfMantissa:
		return 0, false
	}
	// Less than the least normal number: the leading one is written out.
	mantissa |= 1 << singleMantissa
	shift := dropped + 1 - halfBias - exponent
	return sign | uint16(mantissa>>shift), mantissa&(1<<shift-1) == 0
}

// Float reads a number of any of the forms.
func (r *Reader) Float() float64 {
	if len(r.b) == 0 {
		r.fail(errShort)
		return 0
	}
	form := r.b[0]
	if form != halfByte && form != singleByte && form != doubleByte {
		r.fail(errType)
		return 0
	}
	n := r.length()
	switch form {
	case halfByte:
		return halfFloat(uint16(n))
	case singleByte:
		return float64(math.Float32frombits(uint32(n)))
	}
	return math.Float64frombits(n)
}

func halfFloat(half uint16) float64 {
	mantissa := float64(half & (1<<halfMantissa - 1))
	var f float64
	switch exponent := int(half >> halfMantissa & 0x1f); exponent {
	case 0:
		f = math.Ldexp(mantissa, 1-halfBias-halfMantissa)
	case 0x1f:
		if f = math.Inf(1); mantissa != 0 {
			return math.NaN()
		}
	default:
		f = math.Ldexp(mantissa+1<<halfMantissa, exponent-halfBias-halfMantissa)
	}
	if half>>15 != 0 {
		return -f
	}
	return f
}
