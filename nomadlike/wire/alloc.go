package wire

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// allocBlock is the compact form of many allocations: what repeats among them
// is written once and referred to by position, starting at 1; 0 is absent.
// Decoding it gives allocations that share what they shared.
type allocBlock struct {
	_         struct{} `cbor:",toarray"`
	Strings   []string
	Resources []*nl.AllocatedResources
	Metrics   []*nl.AllocMetric
	Allocs    []allocForm
}

// allocForm is one allocation of a block. Fields that are seldom set, and are
// not worth a place of their own, are in More.
type allocForm struct {
	_                                                                  struct{} `cbor:",toarray"`
	ID, Name                                                           string
	Namespace, JobID, TaskGroup, EvalID, NodeID, NodeName              uint32
	DesiredStatus, DesiredDescription, ClientStatus, ClientDescription uint32
	PreviousAllocation, NextAllocation, DeploymentID, SigningKeyID     uint32
	JobVersion                                                         uint64
	AllocatedResources, Metrics                                        uint32
	DeploymentStatus                                                   *nl.AllocDeploymentStatus
	TaskStates                                                         nl.TaskStates
	NetworkStatus                                                      *nl.AllocNetworkStatus
	RescheduleTracker                                                  *nl.RescheduleTracker
	CreateIndex, ModifyIndex, AllocModifyIndex                         uint64
	CreateTime, ModifyTime                                             int64
	More                                                               *allocMore
}

type allocMore struct {
	AllocStates           []*nl.AllocState      `cbor:",omitempty"`
	DesiredTransition     *nl.DesiredTransition `cbor:",omitempty"`
	FollowupEvalID        string                `cbor:",omitempty"`
	PreemptedAllocations  []string              `cbor:",omitempty"`
	PreemptedByAllocation string                `cbor:",omitempty"`
}

// EncodeAllocs writes allocations without their jobs.
func EncodeAllocs(allocs []*nl.Alloc) ([]byte, error) {
	const typical = 160 // bytes of an allocation, to begin with
	return AppendAllocs(make([]byte, 0, typical*len(allocs)+1024), allocs)
}

// AppendAllocs appends what EncodeAllocs writes.
func AppendAllocs(b []byte, allocs []*nl.Alloc) ([]byte, error) { return appendAllocs(b, allocs, true) }

// formBuffers are for the part of a block that is known first and written last.
var formBuffers buffers

// blockEncoders are those that wait for another block: what they have grown to
// is worth more than the block itself.
var blockEncoders = sync.Pool{New: func() any {
	return &blockEncoder{
		resources: interner[nl.AllocatedResources]{form: resourceForms.of},
		metrics:   interner[nl.AllocMetric]{form: encodeMetric},
	}
}}

func appendAllocs(b []byte, allocs []*nl.Alloc, metrics bool) ([]byte, error) {
	e := blockEncoders.Get().(*blockEncoder)
	buffer := formBuffers.get()
	defer formBuffers.put(buffer)
	defer blockEncoders.Put(e)
	defer e.reset()
	e.withMetrics = metrics
	forms := AppendArray((*buffer)[:0], len(allocs))
	var err error
	for i, a := range allocs {
		if a == nil {
			return nil, fmt.Errorf("encoding allocations: number %d is nil", i)
		}
		if forms, err = e.add(forms, a); err != nil {
			return nil, fmt.Errorf("encoding allocation %s: %w", a.ID, err)
		}
	}
	*buffer = forms
	if b, err = e.append(b); err != nil {
		return nil, err
	}
	return append(b, forms...), nil
}

// append appends what comes before the forms.
func (e *blockEncoder) append(b []byte) (_ []byte, err error) {
	const parts = 4
	b = AppendArray(b, parts)
	if len(e.texts) == 0 {
		b = AppendNull(b)
	} else {
		b = AppendArray(b, len(e.texts))
		for _, s := range e.texts {
			b = AppendText(b, s)
		}
	}
	if b, err = e.resources.append(b); err != nil {
		return nil, err
	}
	return e.metrics.append(b)
}

type blockEncoder struct {
	withMetrics bool
	form        allocForm // of the allocation at hand
	texts       []string
	last        [allocTexts]lastText // of the allocation before, by field
	strings     map[string]uint32    // of texts, while indexed
	indexed     bool                 // there are many texts
	resources   interner[nl.AllocatedResources]
	metrics     interner[nl.AllocMetric]
}

// lastText is a text and its position.
type lastText struct {
	text string
	at   uint32
}

// textsKept is how many texts an encoder has room for while it waits; the
// snapshot of a large state has far more than a plan.
const textsKept = 1 << 16

// reset makes it ready for another block.
func (e *blockEncoder) reset() {
	e.form, e.last, e.indexed = allocForm{}, [allocTexts]lastText{}, false
	if len(e.texts) > textsKept {
		e.texts, e.strings = nil, nil
	}
	clear(e.texts)
	e.texts = e.texts[:0]
	clear(e.strings)
	e.resources.reset()
	e.metrics.reset()
}

// add appends the form of an allocation.
func (e *blockEncoder) add(b []byte, a *nl.Alloc) (_ []byte, err error) {
	f := &e.form
	*f = allocForm{ID: a.ID, Name: a.Name}
	h := a.History()
	for i, s := range shared(f, a, h) {
		// Most of what an allocation has, the one before it had as well.
		last := &e.last[i]
		if *s.text != last.text {
			*last = lastText{*s.text, e.text(*s.text)}
		}
		*s.position = last.at
	}
	if f.AllocatedResources, err = e.resources.position(a.AllocatedResources); err != nil {
		return nil, err
	}
	if e.withMetrics {
		if f.Metrics, err = e.metrics.position(a.Metrics); err != nil {
			return nil, err
		}
	}
	f.JobVersion = a.JobVersion
	f.DeploymentStatus, f.TaskStates, f.NetworkStatus, f.RescheduleTracker = a.DeploymentStatus, a.TaskStates, a.NetworkStatus, h.RescheduleTracker
	f.CreateIndex, f.ModifyIndex, f.AllocModifyIndex = a.CreateIndex, a.ModifyIndex, a.AllocModifyIndex
	f.CreateTime, f.ModifyTime = a.CreateTime, a.ModifyTime
	if hasMore(h) {
		f.More = &allocMore{
			AllocStates: h.AllocStates, FollowupEvalID: h.FollowupEvalID,
			PreemptedAllocations: h.PreemptedAllocations, PreemptedByAllocation: h.PreemptedByAllocation,
		}
		if h.DesiredTransition != (nl.DesiredTransition{}) {
			f.More.DesiredTransition = &h.DesiredTransition
		}
	}
	return f.append(b)
}

// hasMore tells whether one of the fields of allocMore is set.
func hasMore(h *nl.AllocHistory) bool {
	return h.AllocStates != nil || h.DesiredTransition != (nl.DesiredTransition{}) ||
		h.FollowupEvalID != "" || h.PreemptedAllocations != nil || h.PreemptedByAllocation != ""
}

// text is the position of s among the block's strings.
func (e *blockEncoder) text(s string) uint32 {
	if s == "" {
		return 0
	}
	if !e.indexed {
		if at := slices.Index(e.texts, s); at >= 0 {
			return uint32(at + 1)
		}
		if len(e.texts) < scannedMax {
			e.texts = append(e.texts, s)
			return uint32(len(e.texts))
		}
		e.indexed = true
		if e.strings == nil {
			e.strings = make(map[string]uint32, 4*scannedMax)
		}
		for i, known := range e.texts {
			e.strings[known] = uint32(i + 1)
		}
	}
	at, found := e.strings[s]
	if !found {
		e.texts = append(e.texts, s)
		at = uint32(len(e.texts))
		e.strings[s] = at
	}
	return at
}

// scannedMax is how many texts are looked through rather than looked up: most
// blocks are a message about one allocation and never need a map.
const scannedMax = 24

// sharedText pairs a string of an allocation with its position in the form.
type sharedText struct {
	position *uint32
	text     *string
}

// allocTexts is how many texts of an allocation a block shares.
const allocTexts = 14

func shared(f *allocForm, a *nl.Alloc, h *nl.AllocHistory) [allocTexts]sharedText {
	return [...]sharedText{
		{&f.Namespace, &a.Namespace}, {&f.JobID, &a.JobID}, {&f.TaskGroup, &a.TaskGroup},
		{&f.EvalID, &a.EvalID}, {&f.NodeID, &a.NodeID}, {&f.NodeName, &a.NodeName},
		{&f.DesiredStatus, &a.DesiredStatus}, {&f.DesiredDescription, &h.DesiredDescription},
		{&f.ClientStatus, &a.ClientStatus}, {&f.ClientDescription, &a.ClientDescription},
		{&f.PreviousAllocation, &h.PreviousAllocation}, {&f.NextAllocation, &h.NextAllocation},
		{&f.DeploymentID, &a.DeploymentID}, {&f.SigningKeyID, &a.SigningKeyID},
	}
}

// interner gives equal objects one position.
type interner[T any] struct {
	form   func(*T) ([]byte, error)
	list   []*T
	forms  [][]byte // of list, where they had to be known already
	others int      // objects, not in list, that were compared
	known  map[*T]uint32
	formed map[string]uint32
}

// comparedMax is how many objects are compared with each other rather than
// looked up: most blocks are a message about few allocations and never need a map.
const comparedMax = 8

// reset forgets the objects.
func (in *interner[T]) reset() {
	clear(in.list)
	clear(in.forms)
	in.list, in.forms, in.others, in.known, in.formed = in.list[:0], in.forms[:0], 0, nil, nil
}

func (in *interner[T]) position(v *T) (uint32, error) {
	if v == nil {
		return 0, nil
	}
	if len(in.list) == 0 { // with one there is nothing to compare
		return in.add(v, nil), nil
	}
	if in.known == nil {
		if at := slices.Index(in.list, v); at >= 0 {
			return uint32(at + 1), nil
		}
		if in.others++; in.others <= comparedMax {
			return in.compare(v)
		}
		if err := in.index(); err != nil {
			return 0, err
		}
	}
	if at, found := in.known[v]; found {
		return at, nil
	}
	b, err := in.form(v)
	if err != nil {
		return 0, err
	}
	at, found := in.formed[string(b)]
	if !found {
		at = in.add(v, b)
		in.formed[string(b)] = at
	}
	in.known[v] = at
	return at, nil
}

func (in *interner[T]) add(v *T, form []byte) uint32 {
	in.list, in.forms = append(in.list, v), append(in.forms, form)
	return uint32(len(in.list))
}

// compare finds the object, which is not in the list, by its form.
func (in *interner[T]) compare(v *T) (uint32, error) {
	b, err := in.form(v)
	if err != nil {
		return 0, err
	}
	if err := in.formAll(); err != nil {
		return 0, err
	}
	for i, known := range in.forms {
		if bytes.Equal(known, b) {
			return uint32(i + 1), nil
		}
	}
	return in.add(v, b), nil
}

// formAll makes the forms of the list known.
func (in *interner[T]) formAll() (err error) {
	for i, one := range in.list {
		if in.forms[i] == nil {
			if in.forms[i], err = in.form(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// index makes maps of the list.
func (in *interner[T]) index() error {
	if err := in.formAll(); err != nil {
		return err
	}
	in.known, in.formed = make(map[*T]uint32, len(in.list)), make(map[string]uint32, len(in.list))
	for i, one := range in.list {
		in.known[one], in.formed[string(in.forms[i])] = uint32(i+1), uint32(i+1)
	}
	return nil
}

// append appends the objects in their order; when there are none, null.
func (in *interner[T]) append(b []byte) ([]byte, error) {
	if len(in.list) == 0 {
		return AppendNull(b), nil
	}
	b = AppendArray(b, len(in.list))
	for i, one := range in.list {
		out := in.forms[i]
		if out == nil {
			var err error
			if out, err = in.form(one); err != nil {
				return nil, err
			}
		}
		b = append(b, out...)
	}
	return b, nil
}

// DecodeAllocs reads what EncodeAllocs wrote.
func DecodeAllocs(b []byte) ([]*nl.Alloc, error) { return (*TextPool)(nil).DecodeAllocs(b) }

// DecodeAllocs reads what EncodeAllocs wrote; what repeats among allocations
// that are read one after the other is one copy.
func (p *TextPool) DecodeAllocs(b []byte) ([]*nl.Alloc, error) {
	r := NewReader(b)
	allocs, err := readAllocs(r, p)
	if err == nil {
		err = r.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("decoding allocations: %w", err)
	}
	return allocs, nil
}

// readAllocs reads the form. Of texts that a pool (nil: there is none) knows, its
// copy is used.
func readAllocs(r *Reader, p *TextPool) ([]*nl.Alloc, error) {
	if n := r.Array(); r.err == nil && n != 4 {
		r.fail(errType)
	}
	var block allocBlock
	if !r.Null() {
		block.Strings = p.texts(r)
	}
	block.Resources = readList(r, readResources)
	if p == nil {
		p = new(TextPool) // scores of many placements are of the same few nodes
	}
	block.Metrics = readList(r, func(r *Reader) *nl.AllocMetric { return readMetric(r, p) })
	n := r.Array()
	if n > len(r.b)/allocFields {
		r.fail(errShort) // an element takes a byte at least
	}
	if r.err != nil {
		return nil, r.err
	}
	allocs := make([]*nl.Alloc, n)
	var f allocForm
	for i := range allocs {
		f = allocForm{}
		f.read(r)
		err := r.err
		if err == nil {
			allocs[i], err = block.alloc(&f)
		}
		if err != nil {
			return nil, fmt.Errorf("allocation %d of %d: %w", i, n, err)
		}
	}
	return allocs, nil
}

// readList reads an array; null is nil.
func readList[T any](r *Reader, read func(*Reader) *T) []*T {
	if r.Null() {
		return nil
	}
	out := make([]*T, r.Array())
	for i := range out {
		out[i] = read(r)
	}
	return out
}

// hasHistory tells whether a field of nl.AllocHistory is set.
func (f *allocForm) hasHistory() bool {
	return f.More != nil || f.RescheduleTracker != nil ||
		f.DesiredDescription != 0 || f.PreviousAllocation != 0 || f.NextAllocation != 0
}

func (b *allocBlock) alloc(f *allocForm) (*nl.Alloc, error) {
	a := &nl.Alloc{
		ID: f.ID, Name: f.Name, JobVersion: f.JobVersion,
		DeploymentStatus: f.DeploymentStatus, TaskStates: f.TaskStates,
		NetworkStatus: f.NetworkStatus,
		CreateIndex:   f.CreateIndex, ModifyIndex: f.ModifyIndex, AllocModifyIndex: f.AllocModifyIndex,
		CreateTime: f.CreateTime, ModifyTime: f.ModifyTime,
	}
	history := nl.AllocHistory{RescheduleTracker: f.RescheduleTracker}
	for _, s := range shared(f, a, &history) {
		text, err := at(b.Strings, *s.position)
		if err != nil {
			return nil, err
		}
		*s.text = text
	}
	var err error
	if a.AllocatedResources, err = at(b.Resources, f.AllocatedResources); err != nil {
		return nil, err
	}
	if a.Metrics, err = at(b.Metrics, f.Metrics); err != nil {
		return nil, err
	}
	if m := f.More; m != nil {
		history.AllocStates, history.FollowupEvalID = m.AllocStates, m.FollowupEvalID
		history.PreemptedAllocations, history.PreemptedByAllocation = m.PreemptedAllocations, m.PreemptedByAllocation
		if m.DesiredTransition != nil {
			history.DesiredTransition = *m.DesiredTransition
		}
	}
	if f.hasHistory() {
		own := history // so that most allocate nothing
		a.AllocHistory = &own
	}
	return a, nil
}

// at is the element at a position of a block, which counts from 1; 0 is none.
func at[T any](list []T, position uint32) (T, error) {
	var none T
	if position == 0 {
		return none, nil
	}
	if int(position) > len(list) {
		return none, fmt.Errorf("it refers to element %d of %d", position, len(list))
	}
	return list[position-1], nil
}

// AllocList is allocations for a node: in the compact form, without their jobs
// and without why they were placed there, which is nothing that a node asks for.
type AllocList []*nl.Alloc

// MarshalCBOR writes the form of EncodeAllocs.
func (l AllocList) MarshalCBOR() ([]byte, error) { return l.AppendCBOR(nil) }

// AppendCBOR appends it.
func (l AllocList) AppendCBOR(b []byte) ([]byte, error) { return appendAllocs(b, l, false) }

// UnmarshalCBOR reads it.
func (l *AllocList) UnmarshalCBOR(b []byte) (err error) {
	*l, err = DecodeAllocs(b)
	return err
}

// ReadAllocList reads it among other things; errors are the reader's.
func ReadAllocList(r *Reader) AllocList {
	out, err := readAllocs(r, nil)
	if err != nil {
		r.fail(fmt.Errorf("decoding allocations: %w", err))
	}
	return out
}
